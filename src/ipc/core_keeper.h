/* What core asks of keeper: one frame type an act; the answer carries the same type and id. Payloads are struct ms_act
 * and struct ms_act_done (proto/msg.h). */
#ifndef MS_CORE_KEEPER_H
#define MS_CORE_KEEPER_H

enum ms_keeper_act {
	MS_ACT_CREDENTIAL = 1,
	MS_ACT_PROOF = 2,
	MS_ACT_CHALLENGE_KEY = 3,
	MS_ACT_TLS_CERT = 4,
	MS_ACT_BIND = 5,
	MS_ACT_ADMIT = 6,
	MS_ACT_IDENTITY = 7,
	MS_ACT_SECRET_PUT = 8,
	MS_ACT_SECRET_RELEASE = 9,
	MS_ACT_CRL = 10,
	MS_ACT_RESULT = 11,
	MS_ACT_END
};
#define MS_ACT_FRAME_MAX (2u << 20)

#endif
