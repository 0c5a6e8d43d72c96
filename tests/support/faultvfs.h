/* An SQLite VFS in which the nth write, sync or truncate fails. Test only. */
#ifndef MS_FAULTVFS_H
#define MS_FAULTVFS_H

/* Make it the default VFS of this process; later opens go through it. */
void faultvfs_install(void);
/* The nth change from now (from 1) fails with `code` (an SQLITE_ code), and the `more` after it as well. 0: never. */
void faultvfs_arm(unsigned long nth, unsigned long more, int code);
unsigned long faultvfs_changes(void); /* since it was armed */
int faultvfs_fired(void);             /* how many failed since it was armed */

#endif
