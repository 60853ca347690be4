#include "transport_tls.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <ngtcp2/ngtcp2_crypto_wolfssl.h>
#include <wolfssl/error-ssl.h>
#include <wolfssl/wolfcrypt/asn.h>
#include <wolfssl/wolfcrypt/asn_public.h>
#include <wolfssl/wolfcrypt/ed25519.h>
#include <wolfssl/wolfcrypt/error-crypt.h>
#include <wolfssl/wolfcrypt/random.h>

enum {
    CERTIFICATE_DER_MAX = 1024, /* a self-signed Ed25519 one takes about 400 */
    KEY_DER_MAX = 128,
    CERTIFICATE_DAYS = 3650,
    /* Extension code point of RFC 9001 section 8.2. */
    QUIC_TRANSPORT_PARAMETERS = 0x39,
};

struct tls {
    struct peer_id id;
    WOLFSSL_CTX *client;
    WOLFSSL_CTX *server;
};

/* Key and certificate in DER, while the contexts are being made. */
struct credentials {
    unsigned char certificate[CERTIFICATE_DER_MAX];
    int certificate_size;
    unsigned char key[KEY_DER_MAX];
    int key_size;
};

static int make_certificate(ed25519_key *key, WC_RNG *rng,
                            struct credentials *ret)
{
    Cert *cert = malloc(sizeof *cert);
    if (cert == NULL || wc_InitCert(cert) != 0) {
        free(cert);
        return -EIO;
    }
    cert->version = 2; /* counted from 0: X.509 v3, which wolfSSL insists on */
    cert->sigType = CTC_ED25519;
    cert->daysValid = CERTIFICATE_DAYS;
    cert->selfSigned = 1;
    strcpy(cert->subject.commonName, "meshnode");
    int size = wc_MakeCert_ex(cert, ret->certificate, CERTIFICATE_DER_MAX,
                              ED25519_TYPE, key, rng);
    if (size > 0) {
        size = wc_SignCert_ex(cert->bodySz, cert->sigType, ret->certificate,
                              CERTIFICATE_DER_MAX, ED25519_TYPE, key, rng);
    }
    free(cert);
    ret->certificate_size = size;
    return size > 0 ? 0 : -EIO;
}

static int make_credentials(struct peer_id *ret_id, struct credentials *ret)
{
    WC_RNG rng;
    if (wc_InitRng(&rng) != 0) {
        return -EIO;
    }
    ed25519_key key;
    (void)wc_ed25519_init(&key);
    int result = -EIO;
    word32 id_size = sizeof ret_id->bytes;
    if (wc_ed25519_make_key(&rng, ED25519_KEY_SIZE, &key) == 0 &&
        wc_ed25519_export_public(&key, ret_id->bytes, &id_size) == 0 &&
        (ret->key_size = wc_Ed25519KeyToDer(&key, ret->key, KEY_DER_MAX)) > 0) {
        result = make_certificate(&key, &rng, ret);
    }
    wc_ed25519_free(&key);
    wc_FreeRng(&rng);
    return result;
}

/* The Ed25519 key of a certificate in DER; -EPROTO for any other kind. */
static int certificate_key(const WOLFSSL_BUFFER_INFO *der,
                           struct peer_id *ret_id)
{
    struct DecodedCert *decoded = malloc(sizeof *decoded);
    if (decoded == NULL) {
        return -ENOMEM;
    }
    int result = -EPROTO;
    word32 size = sizeof ret_id->bytes;
    wc_InitDecodedCert(decoded, der->buffer, der->length, NULL);
    if (wc_ParseCert(decoded, CERT_TYPE, NO_VERIFY, NULL) == 0 &&
        decoded->keyOID == ED25519k &&
        wc_GetPubKeyDerFromCert(decoded, ret_id->bytes, &size) == 0 &&
        size == sizeof ret_id->bytes) {
        result = 0;
    }
    wc_FreeDecodedCert(decoded);
    free(decoded);
    return result;
}

/* wolfSSL asks about a certificate that no authority vouches for. That is as
 * it should be; anything else that is wrong with it stays wrong. */
static int verify_peer(int is_verified, WOLFSSL_X509_STORE_CTX *store)
{
    struct tls_peer *peer = store->userCtx;
    if (!is_verified && store->error != ASN_NO_SIGNER_E &&
        store->error != ASN_SELF_SIGNED_E) {
        return 0;
    }
    struct peer_id id;
    if (peer == NULL || store->totalCerts < 1 ||
        certificate_key(&store->certs[0], &id) != 0) {
        return 0;
    }
    if (peer->is_expected && memcmp(&id, &peer->id, sizeof id) != 0) {
        return 0;
    }
    peer->id = id;
    peer->is_proved = true;
    return 1;
}

static int make_context(WOLFSSL_METHOD *method, bool is_client,
                        const struct credentials *credentials,
                        WOLFSSL_CTX **ret_context)
{
    WOLFSSL_CTX *context = wolfSSL_CTX_new(method);
    if (context == NULL) {
        return -EIO;
    }
    int groups[] = {WOLFSSL_ECC_X25519};
    int is_configured =
        is_client ? ngtcp2_crypto_wolfssl_configure_client_context(context)
                  : ngtcp2_crypto_wolfssl_configure_server_context(context);
    if (is_configured != 0 ||
        wolfSSL_CTX_use_certificate_buffer(
            context, credentials->certificate, credentials->certificate_size,
            WOLFSSL_FILETYPE_ASN1) != WOLFSSL_SUCCESS ||
        wolfSSL_CTX_use_PrivateKey_buffer(
            context, credentials->key, credentials->key_size,
            WOLFSSL_FILETYPE_ASN1) != WOLFSSL_SUCCESS ||
        wolfSSL_CTX_set_groups(context, groups, 1) != WOLFSSL_SUCCESS ||
        wolfSSL_CTX_set_cipher_list(context, "TLS13-AES128-GCM-SHA256") !=
            WOLFSSL_SUCCESS) {
        wolfSSL_CTX_free(context);
        return -EIO;
    }
    if (!is_client) {
        /* Nobody resumes; and a session is freed after its handshake. */
        (void)wolfSSL_CTX_no_ticket_TLSv13(context);
    }
    (void)wolfSSL_CTX_set_session_cache_mode(context, WOLFSSL_SESS_CACHE_OFF);
    wolfSSL_CTX_set_verify(
        context, WOLFSSL_VERIFY_PEER | WOLFSSL_VERIFY_FAIL_IF_NO_PEER_CERT,
        verify_peer);
    *ret_context = context;
    return 0;
}

int tls_new(struct tls **ret_tls)
{
    if (wolfSSL_Init() != WOLFSSL_SUCCESS) {
        return -EIO;
    }
    struct credentials credentials = {0};
    struct tls *tls = calloc(1, sizeof *tls);
    int result = tls ? make_credentials(&tls->id, &credentials) : -ENOMEM;
    if (result == 0) {
        result = make_context(wolfTLSv1_3_client_method(), true, &credentials,
                              &tls->client);
    }
    if (result == 0) {
        result = make_context(wolfTLSv1_3_server_method(), false, &credentials,
                              &tls->server);
    }
    memset(&credentials, 0, sizeof credentials);
    if (result != 0) {
        tls_free(tls);
        return result;
    }
    *ret_tls = tls;
    return 0;
}

void tls_free(struct tls *tls)
{
    if (tls == NULL) {
        return;
    }
    wolfSSL_CTX_free(tls->client);
    wolfSSL_CTX_free(tls->server);
    free(tls);
    (void)wolfSSL_Cleanup();
}

const struct peer_id *tls_id(const struct tls *tls)
{
    return &tls->id;
}

int tls_random(void *bytes, size_t size)
{
    return wolfSSL_RAND_bytes(bytes, (int)size) == WOLFSSL_SUCCESS ? 0 : -EIO;
}

int tls_session_new(struct tls *tls, bool is_client, struct tls_peer *peer,
                    void *conn_ref, void **ret_session)
{
    static char alpn[] = TLS_ALPN;
    WOLFSSL *ssl = wolfSSL_new(is_client ? tls->client : tls->server);
    if (ssl == NULL) {
        return -ENOMEM;
    }
    if (wolfSSL_UseALPN(ssl, alpn, sizeof alpn - 1,
                        WOLFSSL_ALPN_FAILED_ON_MISMATCH) != WOLFSSL_SUCCESS) {
        wolfSSL_free(ssl);
        return -ENOMEM;
    }
    wolfSSL_SetCertCbCtx(ssl, peer);
    (void)wolfSSL_set_app_data(ssl, conn_ref);
    if (is_client) {
        wolfSSL_set_connect_state(ssl);
    } else {
        wolfSSL_set_accept_state(ssl);
    }
    wolfSSL_set_quic_transport_version(ssl, QUIC_TRANSPORT_PARAMETERS);
    *ret_session = ssl;
    return 0;
}

void tls_session_free(void *session)
{
    if (session != NULL) {
        wolfSSL_free(session);
    }
}
