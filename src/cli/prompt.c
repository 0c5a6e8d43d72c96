/* Passphrases: from a file that only its owner reads, or typed on the terminal without echo. */
#include <fcntl.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/io.h"
#include "cli/remote.h"

#define PASSPHRASE_MAX 1024u

/* Without the line's end. */
static enum ms_rc
trim(struct ms_secret *s, struct ms_err *err)
{
	const uint8_t *p = ms_secret_peek(s);
	size_t n = ms_secret_len(s);
	while (n > 0 && (p[n - 1] == '\n' || p[n - 1] == '\r'))
		n--;
	ms_secret_set_len(s, n);
	return n > 0 ? MS_OK : ms_fail(err, MS_ERR_USAGE, "the passphrase is empty");
}

static enum ms_rc
type(int tty, const char *prompt, struct ms_secret **ret, struct ms_err *err)
{
	struct termios was, quiet;
	MS_OWN(ms_secret_free) struct ms_secret *s = NULL;
	enum ms_rc rc = ms_secret_new(PASSPHRASE_MAX, &s, err);
	if (rc == MS_OK && tcgetattr(tty, &was) != 0)
		rc = ms_fail(err, MS_ERR_USAGE, "no terminal to ask for the passphrase: give --passphrase-file");
	if (rc != MS_OK)
		return rc;
	quiet = was;
	quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHONL);
	quiet.c_lflag |= ICANON;
	(void)tcsetattr(tty, TCSAFLUSH, &quiet);
	rc = ms_io_write_all(tty, prompt, strlen(prompt), err);
	ssize_t n = rc == MS_OK ? read(tty, ms_secret_bytes(s), PASSPHRASE_MAX) : -1;
	(void)tcsetattr(tty, TCSAFLUSH, &was);
	if (ms_io_write_all(tty, "\n", 1, NULL) != MS_OK || n <= 0)
		return ms_fail(err, MS_ERR_USAGE, "no passphrase was typed");
	ms_secret_set_len(s, (size_t)n);
	rc = trim(s, err);
	if (rc != MS_OK)
		return rc;
	*ret = s;
	s = NULL;
	return MS_OK;
}

enum ms_rc
ms_cli_passphrase(struct ms_cli *c, const char *file, const char *prompt, struct ms_secret **ret, struct ms_err *err)
{
	const char *given = ms_cli_option(c, "passphrase-file");
	if (given != NULL)
		file = given;
	if (file != NULL && file[0] != '\0') {
		MS_OWN(ms_secret_free) struct ms_secret *s = NULL;
		enum ms_rc rc = ms_io_read_secret_file(file, PASSPHRASE_MAX, &s, err);
		if (rc == MS_OK)
			rc = trim(s, err);
		if (rc != MS_OK)
			return rc == MS_ERR_NOMEM ? rc : MS_ERR_USAGE;
		*ret = s;
		s = NULL;
		return MS_OK;
	}
	MS_OWN(ms_fd_close) ms_fd tty = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (tty < 0)
		return ms_fail(err, MS_ERR_USAGE, "no terminal to ask for the passphrase: give --passphrase-file");
	return type(tty, prompt, ret, err);
}
