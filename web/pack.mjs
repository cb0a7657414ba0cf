// Packs dist/ into the Python package's data: every file gzip-compressed, and the licences of what is inside.
//
// fflate is plain JavaScript pinned by the lock file, so equal sources give equal bytes whatever Node's own zlib is.
import { readdirSync, readFileSync, rmSync, mkdirSync, writeFileSync, statSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { gzipSync } from "fflate";

const LIMIT = 1_000_000; // bytes of all files together
const SHIPPED = ["three", "preact", "@preact/signals", "@preact/signals-core"];

const here = import.meta.dirname;
const target = join(here, "..", "src", "cast3d", "app", "page");

const licences = SHIPPED.map((name) => {
  const folder = join(here, "node_modules", name);
  const { version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  return `${name} ${version}\n\n${readFileSync(join(folder, "LICENSE"), "utf8").trim()}\n`;
});
writeFileSync(join(here, "dist", "licenses.txt"), licences.join(`\n${"-".repeat(100)}\n\n`));

rmSync(target, { recursive: true, force: true });
let total = 0;
for (const file of readdirSync(join(here, "dist"), { recursive: true }).sort()) {
  const source = join(here, "dist", file);
  if (!statSync(source).isFile()) continue;
  const packed = gzipSync(readFileSync(source), { level: 9, mem: 12, mtime: 0 });
  packed[9] = 255; // no operating system
  const path = join(target, `${relative("", file).split(sep).join("/")}.gz`);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, packed);
  total += packed.length;
  console.log(`${String(packed.length).padStart(8)}  ${relative(target, path)}`);
}
console.log(`${String(total).padStart(8)}  in all`);
if (total > LIMIT) {
  console.error(`the page takes ${total} bytes, the limit is ${LIMIT}`);
  process.exit(1);
}
