// Packs dist/ and dist-report/ into the Python package's data: every file gzip-compressed, and the licences of what is
// inside.
//
// fflate is plain JavaScript pinned by the lock file, so equal sources give equal bytes whatever Node's own zlib is.
import { readdirSync, readFileSync, rmSync, mkdirSync, writeFileSync, statSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { gzipSync } from "fflate";

const LIMIT = 1_000_000; // bytes of all files together
const SHIPPED = ["three", "@sparkjsdev/spark", "preact", "@preact/signals", "@preact/signals-core"];

const here = import.meta.dirname;
const target = join(here, "..", "src", "cast3d", "app", "page");

function licence(name) {
  const folder = join(here, "node_modules", name);
  const { version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  return `${name} ${version}\n\n${readFileSync(join(folder, "LICENSE"), "utf8").trim()}\n`;
}

function packed(data) {
  const made = gzipSync(data, { level: 9, mem: 12, mtime: 0 });
  made[9] = 255; // no operating system
  return made;
}

const licences = SHIPPED.map(licence).join(`\n${"-".repeat(100)}\n\n`);
writeFileSync(join(here, "dist", "licenses.txt"), licences);

// The viewer of reports lies within their HTML, so it carries its licence, and nothing that would end its element.
const code = readFileSync(join(here, "dist-report", "viewer.js"), "utf8");
const viewer = `/*! The viewer of cast3d (Apache-2.0), with ${licence("three")}\n${licence("@sparkjsdev/spark")}*/\n${code.replace(/<(?=\/script|!--)/gi, "\\x3c")}`;
writeFileSync(join(here, "..", "src", "cast3d", "result", "report", "assets", "viewer.js.gz"), packed(new TextEncoder().encode(viewer)));
console.log(`${String(viewer.length).padStart(8)}  viewer.js of reports, as it lies in them`);

rmSync(target, { recursive: true, force: true });
let total = 0;
for (const file of readdirSync(join(here, "dist"), { recursive: true }).sort()) {
  const source = join(here, "dist", file);
  if (!statSync(source).isFile()) continue;
  const data = packed(readFileSync(source));
  const path = join(target, `${relative("", file).split(sep).join("/")}.gz`);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, data);
  total += data.length;
  console.log(`${String(data.length).padStart(8)}  ${relative(target, path)}`);
}
console.log(`${String(total).padStart(8)}  in all`);
if (total > LIMIT) {
  console.error(`the page takes ${total} bytes, the limit is ${LIMIT}`);
  process.exit(1);
}
