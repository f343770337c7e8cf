/*
 * fpz: parallel zstd on the command line, over the C functions of fastpar.
 *
 *   fpz [OPTIONS] [FILE...]                 in the manner of zstd: each FILE becomes FILE.zst; without a
 *                                           FILE, the standard input goes to the standard output
 *   fpz [-LEVEL] compress FILE [TARGET]     TARGET: FILE.zst if not given; an existing one is replaced
 *   fpz decompress FILE [TARGET]            TARGET: FILE without its .zst
 *   fpz test FILE                           decompresses it, and drops what comes out
 *   fpz list FILE                           its frames
 *   fpz cat FILE [OFFSET [LENGTH]]          a part of its content, to the standard output
 *
 * `fpz -h` tells the options. On a terminal it shows how far it is; -p shows it everywhere, -q nowhere.
 * Ctrl-C stops it, and leaves no half target behind. `tar -I fpz -cf a.tar.zst FOLDER` and
 * `tar -I fpz -xf a.tar.zst` work. It ends with 0, with 1 if something failed, or with 2 if it was called
 * wrongly.
 *
 * Build it, after `cargo xtask build`, in the repository's root, and run it:
 *   cc -O2 examples/c/fpz.c -Itarget/fastpar/include -Ltarget/fastpar/lib -lfastpar \
 *      -Wl,-rpath,$PWD/target/fastpar/lib -o fpz
 *   ./fpz FILE
 *
 * For Windows, with MinGW:
 *   x86_64-w64-mingw32-gcc -O2 fpz.c -Iinclude -Llib -l:libfastpar.dll.a -o fpz.exe
 */
#if !defined(_WIN32) && !defined(_DEFAULT_SOURCE)
#define _DEFAULT_SOURCE /* isatty, lstat, getopt_long */
#endif
#include "fpz/convert.h"
#include "fpz/look.h"

#include <getopt.h>

static void on_interrupt(int signal_number)
{
    (void)signal_number;
    interrupted = 1;
    fastpar_cancel(&cancelled); /* the call under way */
}

static int usage(FILE *to)
{
    fputs("usage: fpz [OPTIONS] [FILE... | -]\n"
          "       fpz [-LEVEL] compress FILE [TARGET]\n"
          "       fpz decompress FILE [TARGET]\n"
          "       fpz test | list FILE\n"
          "       fpz cat FILE [OFFSET [LENGTH]]\n"
          "\n"
          "  -d -t -l -z        decompress, test, list, compress (the default)\n"
          "  -1 ... -22         level, 3 by default; --fast[=N]: faster ones\n"
          "  -o TARGET          the target's name\n"
          "  -c                 to the standard output\n"
          "  -f                 replace existing targets; write compressed data to a terminal\n"
          "  -k, --rm           keep the sources (the default), or remove them once they are done\n"
          "  -r                 all files in folders\n"
          "  -q                 say nothing but what is wrong\n"
          "  -v                 say what each call did: times, waiting, contexts, memory\n"
          "  -p                 show progress, even where there is no terminal\n"
          "  -T N               N threads; 0, the default: one for each CPU\n"
          "  --long[=N]         matches over a window of 2 to the power of N bytes, 27 by default\n"
          "  --patch-from=FILE  compress as a difference from FILE, or decompress such a difference\n"
          "  -D FILE            use a dictionary\n"
          "  --train FILE...    learn a dictionary from files; -o names it, --maxdict=N limits its bytes\n"
          "  --one-frame        one frame, for readers that stop after the first\n"
          "  --no-check         no checksums\n"
          "  --sparse           targets have holes where the data is zero\n"
          "  -V, -h             version; this text\n",
          to);
    return to == stdout ? 0 : 2;
}

/* A number; no more than digits. */
static int number(const char *text, uint64_t *value)
{
    char *end;
    *value = strtoull(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && *end == 0;
}

/* The same for an option, up to `largest`. */
static int small_number(const char *text, uint64_t largest, uint64_t *value)
{
    return number(text, value) && *value <= largest;
}

typedef enum { COMPRESS, DECOMPRESS, TEST, LIST, TRAIN } mode;

static int show_progress(const settings *set)
{
    return set->progress < 0 ? set->verbosity > 1 && isatty(fileno(stderr)) : set->progress;
}

/* ---- one file ---- */

/* Whether "/dev/stdin" is the standard input as it stands: an ordinary file would be opened anew, at its
   beginning, and a socket not at all. */
static int stdin_has_name(void)
{
#ifdef _WIN32
    return 0;
#else
    struct stat data;
    if (fstat(fileno(stdin), &data) != 0)
        return 0;
    return S_ISFIFO(data.st_mode) || S_ISCHR(data.st_mode) || (S_ISREG(data.st_mode) && lseek(fileno(stdin), 0, SEEK_CUR) == 0);
#endif
}

/* To the standard output, or to a target from the standard input. */
static int through_stream(const settings *set, const char *file, int compress, progress_bar *bar)
{
    const char *target = set->to_stdout || set->target == NULL ? STANDARD : set->target;
    if (strcmp(target, STANDARD) == 0) {
        if (compress && !set->force && isatty(fileno(stdout)))
            return complain(set, "standard output", "is a terminal; -f writes compressed data to it");
        binary(stdout);
        return convert_stream(set, file, stdout, "standard output", compress, bar);
    }
    if (stdin_has_name())
        return convert_file(set, file, target, compress, bar);
    new_target new;
    if (!set->force && exists(target))
        return complain(set, target, "exists already; -f replaces it");
    if (begin_target(set, &new, target))
        return 1;
    return end_target(set, &new, convert_stream(set, file, new.file, target, compress, bar));
}

static int convert(const settings *set, const char *file, int compress)
{
    progress_bar bar = {show_progress(set), 0, 0};
    if (is_folder(file))
        return complain(set, file, "is a folder; -r takes what is in it");
    if (set->to_stdout || strcmp(file, STANDARD) == 0 || (set->target && strcmp(set->target, STANDARD) == 0))
        return through_stream(set, file, compress, &bar);
    char *target = set->target ? concat(set->target, strlen(set->target), "") : target_of(set, file, compress);
    int failures = target ? convert_file(set, file, target, compress, &bar) : 1;
    free(target);
    return failures;
}

static int compress_file(const settings *set, const char *file)
{
    return convert(set, file, 1);
}

static int decompress_file(const settings *set, const char *file)
{
    return convert(set, file, 0);
}

static int test_file(const settings *set, const char *file)
{
    progress_bar bar = {show_progress(set), 0, 0};
    return convert_stream(set, file, NULL, NULL, 0, &bar);
}

/* ---- dictionaries and references ---- */

/* Learns a dictionary from files. */
static int train(const settings *set, char **files, int count, size_t capacity)
{
    const char *target = set->target ? set->target : "dictionary";
    size_t *sizes = calloc((size_t)count, sizeof *sizes), all = 0, len = 0;
    char *samples = NULL, *dict = malloc(capacity);
    fastpar_error error;
    int failures = sizes == NULL || dict == NULL ? complain(set, target, "no memory") : 0;
    for (int i = 0; i < count && !failures; i++) {
        char *data = read_whole(set, files[i], &sizes[i]);
        char *larger = data ? realloc(samples, all + sizes[i] + 1) : NULL;
        if (larger != NULL) {
            samples = larger;
            memcpy(samples + all, data, sizes[i]);
            all += sizes[i];
        } else {
            failures = data ? complain(set, files[i], "no memory") : 1;
        }
        free(data);
    }
    if (!failures && !set->force && exists(target))
        failures = complain(set, target, "exists already; -f replaces it");
    if (!failures && fastpar_dict_train(samples, sizes, (size_t)count, dict, capacity, &len, &error) != FASTPAR_OK)
        failures = complain_of(set, target, &error);
    if (!failures) {
        new_target new;
        failures = begin_target(set, &new, target);
        if (!failures) {
            int written = fwrite(dict, 1, len, new.file) == len;
            failures = end_target(set, &new, written ? 0 : complain(set, target, "cannot be written"));
        }
        if (!failures && set->verbosity > 1)
            fprintf(stderr, "%s: a dictionary of %zu bytes, from %d files\n", target, len, count);
    }
    free(samples);
    free(dict);
    free(sizes);
    return failures;
}

static int open_dict(settings *set, const char *name)
{
    size_t len;
    fastpar_error error;
    void *data = read_whole(set, name, &len);
    if (data == NULL)
        return 1;
    fastpar_status status = fastpar_dict_open(data, len, set->level, &set->dict, &error);
    free(data);
    return status == FASTPAR_OK ? 0 : complain_of(set, name, &error);
}

/* ---- the command line ---- */

enum { LONG_WINDOW = 256, FAST, ULTRA, PATCH_FROM, RM, TRAIN_OPTION, MAX_DICT, ONE_FRAME, NO_CHECK, SPARSE, NO_SPARSE };

static const struct option long_options[] = {
    {"compress", no_argument, NULL, 'z'},
    {"decompress", no_argument, NULL, 'd'},
    {"uncompress", no_argument, NULL, 'd'},
    {"test", no_argument, NULL, 't'},
    {"list", no_argument, NULL, 'l'},
    {"stdout", no_argument, NULL, 'c'},
    {"force", no_argument, NULL, 'f'},
    {"keep", no_argument, NULL, 'k'},
    {"rm", no_argument, NULL, RM},
    {"quiet", no_argument, NULL, 'q'},
    {"verbose", no_argument, NULL, 'v'},
    {"progress", no_argument, NULL, 'p'},
    {"threads", required_argument, NULL, 'T'},
    {"long", optional_argument, NULL, LONG_WINDOW},
    {"fast", optional_argument, NULL, FAST},
    {"ultra", no_argument, NULL, ULTRA},
    {"patch-from", required_argument, NULL, PATCH_FROM},
    {"train", no_argument, NULL, TRAIN_OPTION},
    {"maxdict", required_argument, NULL, MAX_DICT},
    {"one-frame", no_argument, NULL, ONE_FRAME},
    {"no-check", no_argument, NULL, NO_CHECK},
    {"sparse", no_argument, NULL, SPARSE},
    {"no-sparse", no_argument, NULL, NO_SPARSE},
    {"version", no_argument, NULL, 'V'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

/* Takes levels out of the arguments: -19, and what stands before the letters of -9kf. The last one counts. */
static int take_levels(int *argc, char **argv, int *level)
{
    int kept = 1, given = 0, i = 1;
    for (; i < *argc && strcmp(argv[i], "--") != 0; i++) {
        char *text = argv[i];
        if (text[0] == '-' && text[1] >= '0' && text[1] <= '9') {
            unsigned long value = strtoul(text + 1, &text, 10);
            *level = value > 22 ? 23 : (int)value; /* 23 is refused with the other arguments */
            given = 1;
            if (*text == 0)
                continue;
            *--text = '-';
        }
        argv[kept++] = text;
    }
    for (; i < *argc; i++)
        argv[kept++] = argv[i];
    argv[kept] = NULL;
    *argc = kept;
    return given;
}

/* The words that are commands, if no option says what to do. */
static int command(settings *set, int level_given, char **words, int count)
{
    uint64_t offset = 0, length = UINT64_MAX;
    const char *name = words[0], *file = words[1];
    int converts = strcmp(name, "compress") == 0 || strcmp(name, "decompress") == 0;
    if (count < 2 || (level_given && strcmp(name, "compress") != 0))
        return usage(stderr);
    if (converts && count < 4) {
        set->force = set->command = 1;
        set->target = count > 2 ? words[2] : NULL;
        return convert(set, file, name[0] == 'c');
    }
    if (strcmp(name, "test") == 0 && count == 2)
        return test_file(set, file);
    if (strcmp(name, "list") == 0 && count == 2)
        return list_frames(set, file);
    if (strcmp(name, "cat") == 0 && (count < 3 || number(words[2], &offset)) && (count < 4 || number(words[3], &length)) && count < 5)
        return cat_range(set, file, offset, length);
    return usage(stderr);
}

static int is_command(const char *word)
{
    static const char *const commands[] = {"compress", "decompress", "test", "list", "cat"};
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(word, commands[i]) == 0)
            return 1;
    return 0;
}

static int run(settings *set, mode what, char **files, int count, size_t dict_capacity)
{
    static char *standard[] = {(char *)STANDARD};
    const file_action actions[] = {compress_file, decompress_file, test_file, list_file};
    int failures = 0;
    if (what == TRAIN)
        return count ? train(set, files, count, dict_capacity) : usage(stderr);
    if (count == 0 && what != LIST) {
        files = standard;
        count = 1;
    }
    if (count == 0 || (set->target && !set->to_stdout && count > 1) || (set->target && set->recursive))
        return usage(stderr);
    if (what == LIST)
        list_head();
    for (int i = 0; i < count && !interrupted; i++) {
        if (set->recursive && is_folder(files[i]))
            failures += for_folder(set, files[i], what == COMPRESS, actions[what]);
        else
            failures += actions[what](set, files[i]);
    }
    return failures != 0 || interrupted;
}

int main(int argc, char **argv)
{
    settings set = {.verbosity = 2, .progress = -1};
    mode what = COMPRESS;
    const char *dict = NULL;
    uint64_t value = 0, dict_capacity = 112640;
    int what_given = 0, level_given, option, result;

#ifdef _WIN32
    argv = utf8_arguments(&argc);
    if (argv == NULL)
        return 1;
#endif
    signal(SIGINT, on_interrupt);
    level_given = take_levels(&argc, argv, &set.level);
    while ((option = getopt_long(argc, argv, "cdD:fhklo:pqrtT:vVz", long_options, NULL)) != -1) {
        switch (option) {
        case 'z': what = COMPRESS; what_given = 1; break;
        case 'd': what = DECOMPRESS; what_given = 1; break;
        case 't': what = TEST; what_given = 1; break;
        case 'l': what = LIST; what_given = 1; break;
        case TRAIN_OPTION: what = TRAIN; what_given = 1; break;
        case 'c': set.to_stdout = 1; what_given = 1; break;
        case 'f': set.force = 1; break;
        case 'k': set.remove_sources = 0; break;
        case RM: set.remove_sources = 1; break;
        case 'r': set.recursive = 1; break;
        case 'q': set.verbosity--; break;
        case 'v': set.verbosity++; break;
        case 'p': set.progress = 1; break;
        case 'o': set.target = optarg; what_given = 1; break;
        case 'D': dict = optarg; break;
        case ULTRA: break; /* no level needs it */
        case ONE_FRAME: set.one_frame = 1; break;
        case NO_CHECK: set.no_checksum = 1; break;
        case SPARSE: set.sparse = 1; break;
        case NO_SPARSE: set.sparse = 0; break;
        case PATCH_FROM: set.reference = optarg; break;
        case 'T':
            if (!small_number(optarg, UINT32_MAX, &value))
                return usage(stderr);
            set.threads = (unsigned)value;
            break;
        case LONG_WINDOW:
            if (optarg && !small_number(optarg, 31, &value))
                return usage(stderr);
            set.window_log = optarg ? (unsigned)value : 27;
            break;
        case FAST:
            if (optarg && (!small_number(optarg, FASTEST, &value) || value == 0))
                return usage(stderr);
            set.level = optarg ? -(int)value : -1;
            level_given = 1;
            break;
        case MAX_DICT:
            if (!small_number(optarg, UINT32_MAX, &dict_capacity) || dict_capacity == 0)
                return usage(stderr);
            break;
        case 'V':
            printf("fpz, fastpar %s, zstd %s\n", fastpar_version_string(), fastpar_zstd_version_string());
            return 0;
        case 'h': return usage(stdout);
        default: return usage(stderr);
        }
    }
    if (set.level > 22)
        return usage(stderr);
    if (dict && open_dict(&set, dict))
        return 1;
    if (set.reference && (set.prefix = read_whole(&set, set.reference, &set.prefix_len)) == NULL)
        return 1;
    if (!what_given && optind < argc && is_command(argv[optind]))
        result = command(&set, level_given, argv + optind, argc - optind);
    else
        result = run(&set, what, argv + optind, argc - optind, (size_t)dict_capacity);
    fastpar_dict_free(set.dict);
    free(set.prefix);
    return result;
}
