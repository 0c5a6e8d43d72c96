/* The agent's own files, as a disk may have changed them. */
#include "agent/state.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ms_agent_record r;
	struct ms_agent_secret s;
	if (ms_agent_record_parse(ms_span(data, size), &r, NULL) == MS_OK)
		ms_agent_record_fini(&r);
	(void)!ms_cbor_parse_map(&ms_agent_secret_table, ms_span(data, size), &s, NULL);
	return 0;
}
