/* placeholder */
#include "v8/jsscan_internal.h"
bool np_jsscan_name_before(const uint16_t *chars, size_t len, size_t start, char *buf, size_t size)
{
	return false;
}
