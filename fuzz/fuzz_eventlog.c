/* Event logs of all forms: spans stay inside the log, in order, and the iterator ends. */
#include <stdlib.h>

#include "codec/eventlog.h"

static void
walk(struct ms_span log, enum ms_eventlog_kind kind)
{
	struct ms_eventlog l;
	struct ms_event e;
	bool more = true;
	size_t at = 0;
	if (ms_eventlog_open(log, NULL, kind, &l, NULL) != MS_OK)
		return;
	while (ms_eventlog_next(&l, &e, &more, NULL) == MS_OK && more) {
		uint8_t locality;
		if (e.offset != at || e.data_offset + e.data.len > log.len || e.n_digests == 0 || e.n_digests > MS_EVENTLOG_BANKS_MAX)
			abort();
		if (ms_event_extends(&e) && e.pcr >= MS_EVENTLOG_PCRS)
			abort();
		(void)ms_event_startup_locality(&e, &locality);
		(void)ms_eventlog_type_name(e.type);
		at = e.data_offset + e.data.len;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	for (enum ms_eventlog_kind kind = MS_EVENTLOG_ANY; kind <= MS_EVENTLOG_CC; kind++)
		walk(ms_span(p, n), kind);
	return 0;
}
