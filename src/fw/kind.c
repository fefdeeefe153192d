/* Which backend is which. */
#include "backend.h"

const struct fw_backend *fw_backend_of(enum fw_backend_kind kind)
{
	switch (kind) {
	case FW_BACKEND_NULL: return fw_backend_null();
	case FW_BACKEND_NFT: return fw_backend_nft();
	case FW_BACKEND_EXEC: return fw_backend_exec();
	}
	return fw_backend_null(); /* a number that is no kind blocks nothing */
}
