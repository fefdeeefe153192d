# Lines of text as lines of a string of C.
s/[\"]/\\&/g
s/^/"/
s/$/\\n"/
