/* The program's version: the only place that names it. */
#ifndef NP_CMD_VERSION_H
#define NP_CMD_VERSION_H

#define NP_VERSION "0.1.0"

#endif
