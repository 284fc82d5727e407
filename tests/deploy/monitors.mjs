// Holds documents of the Prometheus operator, a JSON array on standard input, to what its custom
// resource definitions say: values by the validators that were made from their schemas, names of fields
// by the types. Prints a line for each fault. Argument: the directory with the packages.

import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

const tools = path.resolve(process.argv[2]);
const require = createRequire(path.join(tools, "package.json"));
const ts = require("typescript");
const MODELS = "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1";

async function wrongValues(document) {
  try {
    const file = path.join(tools, "node_modules", MODELS, `${document.kind}.js`);
    const models = await import(pathToFileURL(file));
    new models[document.kind](document).validate();
    return [];
  } catch (error) {
    return [error.message];
  }
}

function unknownFields(document) {
  const file = path.join(tools, "document.ts");
  const type = `I${document.kind}`;
  const source =
    `import type { ${type} } from "${MODELS}/${document.kind}";\n` +
    `export const document: ${type} = ${JSON.stringify(document, null, 2)};\n`;
  const options = {
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    types: [],
    module: ts.ModuleKind.CommonJS,
    moduleResolution: ts.ModuleResolutionKind.Node10,
  };
  const host = ts.createCompilerHost(options);
  const there = host.fileExists.bind(host);
  const read = host.getSourceFile.bind(host);
  host.fileExists = (name) => name === file || there(name);
  host.getSourceFile = (name, version) =>
    name === file ? ts.createSourceFile(name, source, version) : read(name, version);
  const program = ts.createProgram([file], options, host);
  return ts
    .getPreEmitDiagnostics(program)
    .map((found) => ts.flattenDiagnosticMessageText(found.messageText, " "));
}

for (const document of JSON.parse(readFileSync(0, "utf8"))) {
  for (const fault of [...(await wrongValues(document)), ...unknownFields(document)]) {
    console.log(`${document.kind}: ${fault}`);
  }
}
