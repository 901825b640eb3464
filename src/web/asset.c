#include "web/asset.h"

#include "base/crypto.h"
#include "base/embed.h"
#include "base/err.h"

static const char *type_of(const char *name) {
  static const char *const types[][2] = {{".css", "text/css; charset=utf-8"},
                                         {".js", "text/javascript; charset=utf-8"},
                                         {".svg", "image/svg+xml"},
                                         {".ico", "image/x-icon"},
                                         {".png", "image/png"}};
  const char *dot = strrchr(name, '.');
  for (size_t i = 0; dot && i < sizeof types / sizeof *types; i++)
    if (!strcmp(dot, types[i][0])) return types[i][1];
  return "application/octet-stream";
}

struct assets *assets_load(struct arena *arena) {
  size_t all = 0;
  const struct embedded *files = embedded_all(&all);
  struct assets *assets = arena_alloc(arena, sizeof *assets);
  assets->list = arena_array(arena, all, sizeof *assets->list);
  for (size_t i = 0; i < all; i++) {
    if (strncmp(files[i].name, "assets/", 7)) continue;
    const char *name = files[i].name + 7, *dot = strrchr(name, '.');
    if (!dot) continue;
    uint8_t hash[SHA256_BYTES];
    sha256(hash, files[i].bytes, files[i].length);
    const char *path = arena_printf(arena, "/assets/%.*s.%s%s", (int)(dot - name), name, hex_text(arena, hash, 8), dot);
    assets->list[assets->count++] = (struct asset){
        .name = name, .path = path, .type = type_of(name), .bytes = files[i].bytes, .length = files[i].length};
  }
  return assets;
}

const struct asset *asset_find(const struct assets *assets, const char *path) {
  for (size_t i = 0; i < assets->count; i++)
    if (!strcmp(assets->list[i].path, path)) return &assets->list[i];
  return NULL;
}

const char *asset_path(const struct assets *assets, const char *name) {
  for (size_t i = 0; i < assets->count; i++)
    if (!strcmp(assets->list[i].name, name)) return assets->list[i].path;
  die("the program was built without assets/%s", name);
}
