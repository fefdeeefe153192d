/*
 * What the keeper says to the firewall helper: fixed records, five words.
 *
 * One record a datagram... or many: a datagram is a whole number of records.
 * The helper believes nothing: it checks every field, keeps its own
 * never-block list and limits, and answers each PING and SYNC_END.
 */
#ifndef FW_RECORD_H
#define FW_RECORD_H

#include <stdint.h>

enum {
	FW_RECORD_MAGIC = 0x50464631,	   /* "PFF1" */
	FW_DATAGRAM_LONGEST_BYTES = 32768, /* 1,024 records; longer: dropped */
	FW_ANSWERS_MOST = 512,		   /* in one datagram to the keeper */
	FW_TTL_LONGEST_S = 10 * 365 * 86400,
};

enum fw_word {
	FW_ADD = 1,    /* block addr/bits for ttl_s */
	FW_DELETE,     /* lift it */
	FW_SYNC_BEGIN, /* the ADDs up to SYNC_END are the whole table */
	FW_SYNC_END,   /* make the kernel equal to them, in one batch */
	FW_FLUSH,      /* lift all */
	FW_PING,       /* answer only */
};

struct fw_record {
	uint32_t magic;
	uint8_t word; /* enum fw_word */
	uint8_t bits; /* 0-128 of the 16 octets, as struct prefix */
	uint16_t pad;
	uint32_t ttl_s; /* ADD: 1 to 10 years; 0: no timeout */
	uint32_t token; /* PING, SYNC_END: echoed in the answer */
	uint8_t octets[16];
};

enum fw_status {
	FW_STATUS_OK = 0,
	FW_STATUS_REFUSED, /* never-block list, or a limit */
	FW_STATUS_FAILED,  /* the kernel or the command said no */
	FW_STATUS_LATER,   /* too many in this second: say it in a sync */
};

/*
 * helper -> keeper: one for each PING, SYNC_END and failed or refused word.
 * Octets without the magic, of an unknown word or of half a record get no
 * answer: they cannot come from a sound keeper. A PING is answered after all
 * that came before it was tried; FAILED of it: the firewall is out of order.
 * FAILED of an ADD or a DELETE: the helper has taken note and tries again at
 * the next sync; REFUSED and LATER: it has not.
 */
struct fw_answer {
	uint32_t magic;
	uint8_t word;
	uint8_t status; /* enum fw_status */
	uint16_t pad;
	uint32_t token;
	uint32_t count; /* entries in force after it; FAILED: that should be */
	uint32_t drift; /* SYNC_END: entries that had to be added, removed, or
			   given another time */
	uint8_t octets[16];
	uint8_t bits;
	uint8_t pad2[3];
};

#endif
