/* Stands before libavcodec's decoders, as one with a fault: a packet that holds "CRASHES!" ends the process by SIGSEGV,
 * one that holds "HANGS!!!" never returns. All others are decoded.
 *
 * cc -shared -fPIC -o baddecoder.so baddecoder.c; LD_PRELOAD=baddecoder.so COMMAND
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <link.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

struct packet { /* the beginning of AVPacket: libavcodec/packet.h */
    void *buffer;
    int64_t pts, dts;
    const uint8_t *data;
    int size;
};
typedef int (*send_packet)(void *, const struct packet *);

static int found(struct dl_phdr_info *library, size_t size, void *kept) {
    (void)size;
    if (!strstr(library->dlpi_name, "libavcodec"))
        return 0;
    void *handle = dlopen(library->dlpi_name, RTLD_LAZY | RTLD_NOLOAD);
    *(send_packet *)kept = handle ? (send_packet)dlsym(handle, "avcodec_send_packet") : NULL;
    return 1;
}

int avcodec_send_packet(void *context, const struct packet *packet) {
    static send_packet real;
    if (!real)
        dl_iterate_phdr(found, &real);
    if (packet && packet->data && memmem(packet->data, packet->size, "CRASHES!", 8))
        raise(SIGSEGV);
    while (packet && packet->data && memmem(packet->data, packet->size, "HANGS!!!", 8))
        pause();
    return real(context, packet);
}
