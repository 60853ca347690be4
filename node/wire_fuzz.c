/* Feeds arbitrary bytes to the decoder as a stream. Whatever decodes must
 * encode to the very bytes it came from: one value, one encoding. */
#include "wire.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t again[WIRE_FRAME_MAX];

    while (size > 0) {
        struct wire_message message;
        size_t used, count;

        if (wire_decode(data, size, &message, &used) != WIRE_OK)
            return 0;
        if (wire_encode(&message, again, sizeof(again), &count) != 0 ||
            count != used || memcmp(again, data, used) != 0 ||
            wire_encoded_bytes(&message) != used)
            abort();
        data += used;
        size -= used;
    }
    return 0;
}
