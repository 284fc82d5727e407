// Holds dashboards to Grafana's own types: says what is wrong with which panel, and ends with status 1
// then. What a panel leaves out stands, where Grafana has a default for it.
//
//   node types.mjs DIRECTORY_OF_DASHBOARDS DIRECTORY_WITH_NODE_MODULES

import fs from "node:fs";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";

const [dashboards, tools] = process.argv.slice(2).map((directory) => path.resolve(directory));
const ts = createRequire(path.join(tools, "package.json"))("typescript");
const types = path.join(tools, "node_modules/@grafana/schema/dist/types/raw");
const panelTypes = (kind, file) =>
  `import("${types}/composable/${kind}/panelcfg/x/${file}PanelCfg_types.gen")`;
const KINDS = {
  heatmap: panelTypes("heatmap", "Heatmap"),
  stat: panelTypes("stat", "Stat"),
  "state-timeline": panelTypes("statetimeline", "StateTimeline"),
  table: panelTypes("table", "Table"),
  timeseries: panelTypes("timeseries", "TimeSeries"),
};
// Only these have options for each field.
const WITH_FIELDS = ["state-timeline", "table", "timeseries"];

// JSON has texts where TypeScript has enumerations.
const lines = [
  `import type { Dashboard, Panel } from "${types}/dashboard/x/dashboard_types.gen";`,
  "type Json<T> = T extends string ? `${T}` | T : T extends number ? T",
  "  : T extends (infer U)[] ? Json<U>[] : T extends object ? { [K in keyof T]: Json<T[K]> } : T;",
];
function complain(place, what) {
  console.log(`${place}: ${what}`);
  process.exitCode = 1;
}

const places = [];
function hold(place, type, value) {
  places.push({ place, from: lines.join("\n").length });
  lines.push(`export const value${places.length}: ${type} = ${JSON.stringify(value, null, 1)};`);
}

for (const file of fs.readdirSync(dashboards).sort()) {
  const { panels, ...dashboard } = JSON.parse(fs.readFileSync(path.join(dashboards, file), "utf8"));
  hold(file, "Json<Dashboard>", dashboard);
  for (const panel of panels.filter((panel) => panel.type !== "row")) {
    const place = `${file}, the panel ${panel.title}`;
    const { options, ...rest } = panel;
    const { custom, ...defaults } = panel.fieldConfig.defaults;
    hold(place, "Json<Panel>", { ...rest, fieldConfig: { ...panel.fieldConfig, defaults } });
    const kind = KINDS[panel.type];
    if (kind === undefined) {
      complain(place, `no types are known here for a ${panel.type}`);
      continue;
    }
    hold(`${place}, its options`, `Json<Partial<${kind}.Options>>`, options);
    if (WITH_FIELDS.includes(panel.type)) {
      hold(`${place}, its fields`, `Json<Partial<${kind}.FieldConfig>>`, custom ?? {});
    }
  }
}

const directory = fs.mkdtempSync(path.join(os.tmpdir(), "vitals-dashboards-"));
try {
  const file = path.join(directory, "dashboards.ts");
  fs.writeFileSync(file, lines.join("\n"));
  const program = ts.createProgram([file], {
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    noEmit: true,
    skipLibCheck: true,
    strict: true,
    target: ts.ScriptTarget.ESNext,
    types: [],
  });
  for (const { messageText, start } of ts.getPreEmitDiagnostics(program)) {
    const place = places.findLast(({ from }) => from <= (start ?? 0))?.place ?? "the types";
    complain(place, ts.flattenDiagnosticMessageText(messageText, " "));
  }
} finally {
  fs.rmSync(directory, { recursive: true });
}
console.log(`${places.length} parts of dashboards were looked at`);
