/* A reader that nobody of this house wrote the protocol of: PACE and secure messaging by libeac (OpenPACE), the card in
 * a reader of PC/SC.
 *
 *   pace_reader READER (mrz|can) SECRET FID...
 *
 * Opens the chip in the reader with this name by EF.CardAccess, selects the eMRTD application and reads these
 * elementary files by identifier; each is told on standard output as "= FID contents". Complaints go to standard error.
 */
#include <eac/eac.h>
#include <eac/pace.h>
#include <openssl/objects.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <winscard.h>

static EAC_CTX *eac;
static int secure;
static SCARDCONTEXT context;
static SCARDHANDLE card;
static DWORD protocol;

static void fail(const char *what)
{
    fprintf(stderr, "pace_reader: %s\n", what);
    exit(1);
}

static void *must(void *value, const char *what)
{
    if (!value)
        fail(what);
    return value;
}

static BUF_MEM *buffer(const void *bytes, size_t length)
{
    BUF_MEM *made = must(BUF_MEM_new(), "memory");
    if (length && !BUF_MEM_grow(made, length))
        fail("memory");
    if (length)
        memcpy(made->data, bytes, length);
    return made;
}

static void open_reader(const char *name)
{
    if (SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &context) != SCARD_S_SUCCESS)
        fail("no PC/SC service");
    if (SCardConnect(context, name, SCARD_SHARE_EXCLUSIVE, SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1, &card, &protocol)
        != SCARD_S_SUCCESS)
        fail("no card in this reader");
}

/* The keys of a session live in the chip until it is reset. */
static void close_reader(void)
{
    SCardDisconnect(card, SCARD_RESET_CARD);
    SCardReleaseContext(context);
}

/* Sends an APDU as it is; returns the length of the response, status included. */
static size_t exchange(const unsigned char *command, size_t length, unsigned char *response, size_t room)
{
    DWORD got = (DWORD)room;
    const SCARD_IO_REQUEST *how = protocol == SCARD_PROTOCOL_T0 ? SCARD_PCI_T0 : SCARD_PCI_T1;
    if (SCardTransmit(card, how, command, (DWORD)length, NULL, response, &got) != SCARD_S_SUCCESS)
        fail("the chip is gone");
    if (got < 2)
        fail("no status");
    return got;
}

/* An object in a list of objects with one-byte tags; NULL if it is not there. */
static const unsigned char *find(const unsigned char *list, size_t length, unsigned char tag, size_t *found)
{
    size_t at = 0;
    while (at + 2 <= length) {
        unsigned char here = list[at++];
        size_t size = list[at++];
        if (size == 0x81 && at + 1 <= length) {
            size = list[at++];
        } else if (size == 0x82 && at + 2 <= length) {
            size = (size_t)list[at] << 8 | list[at + 1];
            at += 2;
        }
        if (size > length - at)
            return NULL;
        if (here == tag) {
            *found = size;
            return list + at;
        }
        at += size;
    }
    return NULL;
}

/* Sends a short command, protected once there is a channel; returns the status and the plain data. */
static unsigned command(unsigned char cla, unsigned char ins, unsigned char p1, unsigned char p2,
                        const unsigned char *data, size_t lc, int le, unsigned char *answer, size_t *answered)
{
    static unsigned char apdu[1024], response[66000];
    size_t length = 0, got;
    *answered = 0;
    if (!secure) {
        unsigned char head[] = {cla, ins, p1, p2};
        memcpy(apdu, head, 4);
        length = 4;
        if (lc) {
            apdu[length++] = (unsigned char)lc;
            memcpy(apdu + length, data, lc);
            length += lc;
        }
        if (le >= 0)
            apdu[length++] = (unsigned char)le;
        got = exchange(apdu, length, response, sizeof response);
        memcpy(answer, response, got - 2);
        *answered = got - 2;
        return (unsigned)response[got - 2] << 8 | response[got - 1];
    }

    unsigned char objects[600], covered[700];
    size_t size = 0;
    if (!EAC_increment_ssc(eac))
        fail("counter");
    if (lc) {
        BUF_MEM *padded = must(EAC_add_iso_pad(eac, buffer(data, lc)), "padding");
        BUF_MEM *encrypted = must(EAC_encrypt(eac, padded), "encryption");
        objects[size++] = 0x87;
        objects[size++] = (unsigned char)(encrypted->length + 1);
        objects[size++] = 0x01;
        memcpy(objects + size, encrypted->data, encrypted->length);
        size += encrypted->length;
    }
    if (le >= 0) {
        unsigned char wanted[] = {0x97, 0x01, (unsigned char)le};
        memcpy(objects + size, wanted, 3);
        size += 3;
    }
    unsigned char header[16] = {cla | 0x0C, ins, p1, p2, 0x80};
    memcpy(covered, header, 16);
    memcpy(covered + 16, objects, size);
    BUF_MEM *mac_input = buffer(covered, 16 + size);
    if (size)
        mac_input = must(EAC_add_iso_pad(eac, mac_input), "padding");
    BUF_MEM *mac = must(EAC_authenticate(eac, mac_input), "checksum");
    objects[size++] = 0x8E;
    objects[size++] = (unsigned char)mac->length;
    memcpy(objects + size, mac->data, mac->length);
    size += mac->length;
    memcpy(apdu, header, 4);
    apdu[4] = (unsigned char)size;
    memcpy(apdu + 5, objects, size);
    apdu[5 + size] = 0;
    got = exchange(apdu, 6 + size, response, sizeof response) - 2;

    size_t status_size, mac_size, cryptogram_size = 0;
    const unsigned char *status = find(response, got, 0x99, &status_size);
    const unsigned char *checksum = find(response, got, 0x8E, &mac_size);
    const unsigned char *cryptogram = find(response, got, 0x87, &cryptogram_size);
    if (!status || status_size != 2 || !checksum)
        fail("the answer is not protected");
    if (!EAC_increment_ssc(eac))
        fail("counter");
    BUF_MEM *signed_part = must(EAC_add_iso_pad(eac, buffer(response, (size_t)(checksum - 2 - response))), "padding");
    if (EAC_verify_authentication(eac, signed_part, buffer(checksum, mac_size)) != 1)
        fail("the checksum of the chip is wrong");
    if (cryptogram) {
        BUF_MEM *padded = must(EAC_decrypt(eac, buffer(cryptogram + 1, cryptogram_size - 1)), "decryption");
        BUF_MEM *plain = must(EAC_remove_iso_pad(padded), "padding of the chip");
        memcpy(answer, plain->data, plain->length);
        *answered = plain->length;
    }
    return (unsigned)status[0] << 8 | status[1];
}

static void select_application(void)
{
    static const unsigned char aid[] = {0xA0, 0x00, 0x00, 0x02, 0x47, 0x10, 0x01};
    unsigned char answer[512];
    size_t answered;
    if (command(0x00, 0xA4, 0x04, 0x0C, aid, sizeof aid, -1, answer, &answered) != 0x9000)
        fail("no eMRTD application");
}

/* One GENERAL AUTHENTICATE of PACE. */
static BUF_MEM *step(unsigned char cla, unsigned char tag, const BUF_MEM *value, unsigned char expected)
{
    unsigned char data[300], answer[512];
    size_t lc = 2, answered, inner, found;
    data[0] = 0x7C;
    data[1] = 0;
    if (value) {
        data[1] = (unsigned char)(value->length + 2);
        data[2] = tag;
        data[3] = (unsigned char)value->length;
        memcpy(data + 4, value->data, value->length);
        lc = value->length + 4;
    }
    if (command(cla, 0x86, 0x00, 0x00, data, lc, 0, answer, &answered) != 0x9000)
        fail("the chip refuses a step of PACE");
    const unsigned char *objects = find(answer, answered, 0x7C, &inner);
    const unsigned char *object = objects ? find(objects, inner, expected, &found) : NULL;
    if (!object)
        fail("a step of PACE without its object");
    return buffer(object, found);
}

static void open_by_pace(enum s_type type, const char *secret)
{
    unsigned char card_access[512], parameters[64];
    size_t length, answered;
    unsigned status = command(0x00, 0xB0, 0x9C, 0x00, NULL, 0, 0, card_access, &length);
    if (status != 0x9000 && status != 0x6282) {
        select_application();
        status = command(0x00, 0xB0, 0x9C, 0x00, NULL, 0, 0, card_access, &length);
    }
    if (status != 0x9000 && status != 0x6282)
        fail("no EF.CardAccess");
    if (!EAC_CTX_init_ef_cardaccess(card_access, length, eac) || !eac->pace_ctx)
        fail("EF.CardAccess is not understood");
    eac->tr_version = EAC_TR_VERSION_2_02;

    const ASN1_OBJECT *oid = must(OBJ_nid2obj(eac->pace_ctx->protocol), "protocol");
    size_t oid_length = OBJ_length(oid);
    parameters[0] = 0x80;
    parameters[1] = (unsigned char)oid_length;
    memcpy(parameters + 2, OBJ_get0_data(oid), oid_length);
    parameters[2 + oid_length] = 0x83;
    parameters[3 + oid_length] = 1;
    parameters[4 + oid_length] = (unsigned char)type;
    unsigned char answer[512];
    if (command(0x00, 0x22, 0xC1, 0xA4, parameters, 5 + oid_length, -1, answer, &answered) != 0x9000)
        fail("the chip refuses the protocol");

    PACE_SEC *password = must(PACE_SEC_new(secret, strlen(secret), type), "the password is none");
    if (!PACE_STEP2_dec_nonce(eac, password, step(0x10, 0, NULL, 0x80)))
        fail("nonce");
    BUF_MEM *mapping = must(PACE_STEP3A_generate_mapping_data(eac), "mapping data");
    if (!PACE_STEP3A_map_generator(eac, step(0x10, 0x81, mapping, 0x82)))
        fail("mapping");
    BUF_MEM *mine = must(PACE_STEP3B_generate_ephemeral_key(eac), "ephemeral key");
    BUF_MEM *theirs = step(0x10, 0x83, mine, 0x84);
    if (!PACE_STEP3B_compute_shared_secret(eac, theirs) || !PACE_STEP3C_derive_keys(eac))
        fail("key agreement");
    BUF_MEM *token = must(PACE_STEP3D_compute_authentication_token(eac, theirs), "token");
    if (PACE_STEP3D_verify_authentication_token(eac, step(0x00, 0x85, token, 0x86)) != 1)
        fail("the token of the chip is wrong");
    if (!EAC_CTX_set_encryption_ctx(eac, EAC_ID_PACE))
        fail("channel");
    secure = 1;
}

static void read_file(const char *fid)
{
    static unsigned char contents[66000], block[66000];
    unsigned char name[2];
    size_t answered, length = 0, whole = 4;
    if (sscanf(fid, "%2hhx%2hhx", &name[0], &name[1]) != 2)
        fail("a file is named by four digits");
    if (command(0x00, 0xA4, 0x02, 0x0C, name, 2, -1, block, &answered) != 0x9000)
        fail("the chip refuses to select a file");
    while (length < whole) {
        size_t want = whole - length < 200 ? whole - length : 200;
        unsigned char p1 = (unsigned char)(length >> 8), p2 = (unsigned char)length;
        unsigned status = command(0x00, 0xB0, p1, p2, NULL, 0, (int)want, block, &answered);
        if ((status != 0x9000 && status != 0x6282) || !answered || length + answered > sizeof contents)
            fail("the chip refuses to read a file");
        memcpy(contents + length, block, answered);
        length += answered;
        if (whole == 4 && length >= 4) {
            size_t size = contents[1];
            whole = size < 0x80 ? 2 + size
                  : size == 0x81 ? 3 + (size_t)contents[2]
                                 : 4 + ((size_t)contents[2] << 8 | contents[3]);
        }
    }
    printf("= %s ", fid);
    for (size_t i = 0; i < whole; i++)
        printf("%02X", contents[i]);
    printf("\n");
    fflush(stdout);
}

int main(int count, char **arguments)
{
    if (count < 5 || (strcmp(arguments[2], "mrz") && strcmp(arguments[2], "can")))
        fail("usage: pace_reader READER (mrz|can) SECRET FID...");
    EAC_init();
    eac = must(EAC_CTX_new(), "context");
    open_reader(arguments[1]);
    open_by_pace(strcmp(arguments[2], "mrz") ? PACE_CAN : PACE_MRZ, arguments[3]);
    select_application();
    for (int i = 4; i < count; i++)
        read_file(arguments[i]);
    close_reader();
    return 0;
}
