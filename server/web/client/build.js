// Bundles src into ../static: app.js, style.css, the page, its icon, and the licences of
// what is in the bundle. The same sources and lock file give the same bytes anywhere.
import * as esbuild from "esbuild";
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";

const out = process.env.OUT ?? "../static";
const bundle = {
  entryPoints: { app: "src/main.tsx", style: "src/style/index.css" },
  outdir: out,
  bundle: true,
  minify: true,
  format: "esm",
  target: ["es2022", "chrome109", "firefox115", "safari16.4"],
  jsx: "automatic",
  jsxImportSource: "preact",
  charset: "utf8",
  legalComments: "none", // they are in licenses.txt
  logLevel: "warning",
};

function copy() {
  for (const name of ["index.html", "icon.svg"]) copyFileSync("src/" + name, `${out}/${name}`);
  const parts = { preact: "LICENSE", "@preact/signals": "LICENSE", "@preact/signals-core": "LICENSE", "strophe.js": "LICENSE.txt" };
  const text = Object.entries(parts).map(([name, file]) => {
    const version = JSON.parse(readFileSync(`node_modules/${name}/package.json`, "utf8")).version;
    return `${name} ${version}\n\n${readFileSync(`node_modules/${name}/${file}`, "utf8").trim()}\n`;
  });
  writeFileSync(`${out}/licenses.txt`, "app.js contains:\n\n" + text.join("\n----\n\n"));
}

if (process.argv.includes("--watch")) {
  copy();
  await (await esbuild.context({ ...bundle, logLevel: "info" })).watch();
} else {
  await esbuild.build(bundle);
  copy();
}
