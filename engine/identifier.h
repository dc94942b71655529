/* Names as SQL reads them back. */
#ifndef WEIR_ENGINE_IDENTIFIER_H
#define WEIR_ENGINE_IDENTIFIER_H

#include "base/buf.h"

/* In double quotes, those within doubled. */
void wr_identifier_put(struct wr_buf *buf, const char *name);

#endif
