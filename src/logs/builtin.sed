# A text as a string in a file of C.
s/[\"]/\\&/g
s/^/"/
s/$/\\n"/
1i extern const char patterns_text[];
1i const char patterns_text[] =
$a ;
