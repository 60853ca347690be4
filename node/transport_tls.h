/* transport_tls.h - the node's identity, and its TLS 1.3 sessions.
 *
 * The one file that knows wolfSSL. An identity is an Ed25519 key made at
 * start and kept in memory only; the node's id is the public key. Both sides
 * of every connection present a self-signed X.509 v3 certificate for that key
 * (RFC 8446 section 4.4.2, RFC 8410), and what authenticates a peer is the
 * key, proved by its CertificateVerify: no name, no authority, no date.
 *
 * Private to the transport; everybody else knows peers by struct peer_id.
 */
#ifndef MESHNODE_TRANSPORT_TLS_H
#define MESHNODE_TRANSPORT_TLS_H

#include "peer_id.h"

#include <stdbool.h>
#include <stddef.h>

/* The application protocol (RFC 7301) that both sides must speak. */
#define TLS_ALPN "plateau-mesh/1"

struct tls;

/* Makes a key, a certificate and the two contexts. 0 and *ret_tls, which the
 * caller frees; -EIO when wolfSSL cannot (no entropy, no memory). */
int tls_new(struct tls **ret_tls);

/* Accepts NULL. Every session must have been freed before. */
void tls_free(struct tls *tls);

/* Our own id; lives as long as |tls|. */
const struct peer_id *tls_id(const struct tls *tls);

/* Fills |bytes| with |size| bytes from wolfSSL's generator, which is seeded by
 * the kernel. 0 or -EIO. At least one struct tls must exist. */
int tls_random(void *bytes, size_t size);

/* Whom a session talks to. Dialling: the caller sets |id| and |is_expected|,
 * and the handshake fails unless the peer has that key. Accepting: the
 * handshake fills |id|. |is_proved| is set once a key has been checked. */
struct tls_peer {
    struct peer_id id;
    bool is_expected;
    bool is_proved;
};

/* Starts a session, which the caller frees. |peer| must outlive it, and
 * |conn_ref| is ngtcp2's struct ngtcp2_crypto_conn_ref. *ret_session is the
 * native handle that ngtcp2 wants. 0 or -ENOMEM. */
int tls_session_new(struct tls *tls, bool is_client, struct tls_peer *peer,
                    void *conn_ref, void **ret_session);

/* Accepts NULL. May be called as soon as the handshake is confirmed: packet
 * protection does not need the session any more, and it is a third of what a
 * connection holds. */
void tls_session_free(void *session);

#endif
