/* All of wolfSSL's random bytes, straight from the kernel (user_settings.h).
 *
 * By default wolfSSL seeds a generator of its own from /dev/urandom each time
 * that it makes a context, and it makes one for each HKDF: 26 a handshake and
 * side, with three system calls and a self-test each, none of which draws a
 * single byte. The kernel's generator needs none of that. */
#include <wolfssl/wolfcrypt/settings.h>

#include <wolfssl/wolfcrypt/random.h>

#ifdef _WIN32

/* RtlGenRandom, in advapi32 under this name. */
unsigned char __stdcall SystemFunction036(void *bytes, unsigned long size);

int system_random(unsigned char *bytes, unsigned int size)
{
    return SystemFunction036(bytes, size) ? 0 : -1;
}

#else

#include <errno.h>
#include <sys/random.h>

int system_random(unsigned char *bytes, unsigned int size)
{
    while (size > 0) {
        ssize_t count = getrandom(bytes, size, 0);
        if (count > 0) {
            bytes += count;
            size -= (unsigned int)count;
        } else if (errno != EINTR) {
            return -1;
        }
    }
    return 0;
}

#endif

/* What wolfSSL_RAND_poll() wants; nobody calls that. */
int wc_GenerateSeed(OS_Seed *seed, byte *bytes, word32 size)
{
    (void)seed;
    return system_random(bytes, size);
}
