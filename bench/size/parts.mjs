// Adds up twiggy's list of a module's functions by part of the house, and writes a table.
//
//   node bench/size/parts.mjs ITEMS.json PKG_DIR OUT.md
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, gzipSync } from "node:zlib";

const [items, pkg, out] = process.argv.slice(2);

// The first that matches counts.
const parts = [
  ["merge: rules, groups, payments, ends", /restamp::core::(merge|conflict)/],
  ["merge: held base and mine (prepared), render", /restamp::core::(prepared|render|reapply)/],
  ["documents: JSON, tables, side-by-side reading, difference", /restamp::core::(json|document|diff|amount|path)/],
  ["edits and changes", /restamp::core::(change|op|order)/],
  ["profiles", /restamp::core::profile/],
  ["drafts: the way of one save, journal, retries", /restamp::core/],
  ["adapters", /restamp::adapters/],
  ["shell: what the browser runs", /restamp::shell|restamp_|wasm_bindgen::convert::closures|\{\{closure\}\}.*shell/],
  ["exported shims of wasm-bindgen", /externref shim|multivalue shim|__wbindgen|__wbg|^(tilldraft|preparedmerge|browsertill|till|draft)_/],
  ["js-sys, web-sys, futures, timers", /js_sys|web_sys|wasm_bindgen|gloo|futures/],
  ["decimals (rust_decimal)", /rust_decimal/],
  ["allocator", /dlmalloc|__rust_alloc|__rdl_|__rust_realloc|__rust_dealloc/],
  ["Rust's core, alloc and std", /^(core|alloc|std|<|compiler_builtins|memcpy|memmove|memset|memcmp)|::fmt::|hashbrown/],
  ["text and tables (data)", /data segment|\.rodata|^data\[/],
];

// The names are kept for this table only.
const listed = JSON.parse(readFileSync(items, "utf8")).filter(({ name }) => !/function names/.test(name));
const sums = new Map(parts.map(([name]) => [name, 0]));
let other = 0;
for (const { name, shallow_size: size } of listed) {
  const part = parts.find(([, pattern]) => pattern.test(name));
  if (part) sums.set(part[0], sums.get(part[0]) + size);
  else other += size;
}
const all = [...sums.values()].reduce((sum, size) => sum + size, other);
const kb = (bytes) => (bytes / 1000).toFixed(1);
const rows = [...sums, ["everything else (types, tables, exports)", other]].sort((a, b) => b[1] - a[1]);

const files = readdirSync(pkg).filter((file) => /^(restamp_bg\.wasm|.*\.js)$/.test(file) && !/inline|wasm-text/.test(file));
const sizes = files.map((file) => {
  const bytes = readFileSync(join(pkg, file));
  return [file, bytes.length, gzipSync(bytes, { level: 9 }).length, brotliCompressSync(bytes).length];
});
const total = ["together", ...[1, 2, 3].map((at) => sizes.reduce((sum, row) => sum + row[at], 0))];

writeFileSync(out, `# What the package's size is made of

Written by \`bench/size.sh\` (twiggy 0.8.0, ${new Date().toISOString().slice(0, 10)}). KB are 1,000 bytes.

| what a page loads | raw | gzip | brotli |
| --- | --- | --- | --- |
${[...sizes, total].map(([name, ...row]) => `| ${name} | ${row.map(kb).join(" | ")} |`).join("\n")}

| part of the module | KB before compression | share |
| --- | --- | --- |
${rows.map(([name, size]) => `| ${name} | ${kb(size)} | ${((100 * size) / all).toFixed(1)} % |`).join("\n")}
| all | ${kb(all)} | |

A part is what twiggy says its functions take; what the compiler put into a caller counts as the caller's.
`);
console.log(`size: ${out}`);
