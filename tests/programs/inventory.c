/* The inventory of a folder, in C for WASI preview 1: see docs/programs.md. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAMES_MAX = 64 };

static int by_name(const void *one, const void *other) {
    return strcmp(*(char *const *)one, *(char *const *)other);
}

static void must(int holds, const char *what) {
    if (!holds) {
        fprintf(stderr, "%s: %s\n", what, strerror(errno));
        exit(2);
    }
}

int main(int argc, char **argv) {
    char *names[NAMES_MAX];
    size_t count = 0;
    DIR *folder = opendir("/notes");
    must(folder != NULL, "opendir");
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (entry->d_name[0] != '.' && count < NAMES_MAX) {
            names[count++] = strdup(entry->d_name);
        }
    }
    closedir(folder);
    qsort(names, count, sizeof *names, by_name);

    must(mkdir("/out", 0777) == 0, "mkdir");
    FILE *list = fopen("/out/list.part", "w");
    must(list != NULL, "fopen");
    for (size_t index = 0; index < count; index++) {
        char path[512];
        struct stat found;
        snprintf(path, sizeof path, "/notes/%s", names[index]);
        must(stat(path, &found) == 0, "stat");
        fprintf(list, "%s: %lld bytes\n", names[index], (long long)found.st_size);
    }
    must(fclose(list) == 0, "fclose");
    must(rename("/out/list.part", "/out/list.txt") == 0, "rename");
    must(unlink("/old.txt") == 0, "unlink");
    must(fopen("/../beside.txt", "w") == NULL, "what is beside the tree was opened");

    printf("%zu notes for %s\n", count, argc > 1 ? argv[1] : "nobody");
    return argc > 1 && strcmp(argv[1], "fail") == 0 ? 3 : 0;
}
