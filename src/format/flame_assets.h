/* Style and scripts of flame graphs, from src/format/flame_*.css and *.js: the build makes C of them. */
#ifndef NP_FORMAT_FLAME_ASSETS_H
#define NP_FORMAT_FLAME_ASSETS_H

extern const char np_asset_flame_style_css[];
extern const char np_asset_flame_script_js[];
extern const char np_asset_flame_page_css[];
extern const char np_asset_flame_page_js[];

#endif
