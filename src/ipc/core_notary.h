/* What core asks of notary. All integers big-endian.
 * APPEND   u64 expected size | n x leaf hash 32             -> APPENDED u64 size | u16 length, checkpoint | n x (u8 count | count x 32)
 *          or WRONG_SIZE u64 size when the tree is not of the expected size (nothing is appended)
 * SIZE     empty                                            -> SIZE u64 size | root 32 | u16 length, checkpoint (empty at size 0)
 * The answer carries the id of the question. There is nothing else to ask for. */
#ifndef MS_CORE_NOTARY_H
#define MS_CORE_NOTARY_H

enum ms_notary_frame {
	MS_NOTARY_APPEND = 1,
	MS_NOTARY_APPENDED = 2,
	MS_NOTARY_SIZE = 3,
	MS_NOTARY_WRONG_SIZE = 4,
	MS_NOTARY_ERROR = 5, /* text: the append failed and nothing of it holds */
};
#define MS_NOTARY_BATCH_MAX 4096u
#define MS_NOTARY_FRAME_MAX (8u + MS_NOTARY_BATCH_MAX * (1u + 64u * 32u) + 4096u)

#endif
