// Holds dashboards against the types of @grafana/schema: `node types.mjs NODE_MODULES DASHBOARD.json…`; tsc judges.
//
// Each file becomes a literal, so that keys that the types do not have are refused too; each panel's options and fields once more
// against the types of its kind, which the type of a dashboard leaves open.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";

const [modules, ...files] = process.argv.slice(2);
const kinds = { stat: "Stat", timeseries: "TimeSeries", "status-history": "StatusHistory", table: "Table", bargauge: "BarGauge" };
const fields = ["timeseries", "status-history", "table"];
const own = ["expr", "step", "tagKeys", "textFormat", "titleFormat"];
const path = (folder, name) => `@grafana/schema/dist/esm/raw/composable/${folder}/x/${name}_types.gen`;
const imports = Object.entries(kinds).map(
  ([kind, name]) => `import type * as ${name} from "${path(kind.replace("-", "") + "/panelcfg", `${name}PanelCfg`)}";`,
);
// JSON has no enums: their values stand for them.
const head = `${imports.join("\n")}
import type { Dashboard } from "@grafana/schema";
type Plain<T> = T extends string ? \`\${T}\` : T extends number ? (\`\${T}\` extends \`\${infer N extends number}\` ? N : number)
  : T extends (infer U)[] ? Plain<U>[] : T extends object ? { [K in keyof T]: Plain<T[K]> } : T;
`;

const folder = mkdtempSync(join(tmpdir(), "mailprobe-types-"));
try {
  symlinkSync(resolve(modules), join(folder, "node_modules"));
  const written = files.map((file) => {
    const dashboard = JSON.parse(readFileSync(file, "utf8"));
    // What a data source wants of an annotation is no part of the type.
    for (const mark of dashboard.annotations.list) for (const key of own) delete mark[key];
    const lines = [head, `export const dashboard = ${JSON.stringify(dashboard)} satisfies Plain<Dashboard>;`];
    for (const panel of dashboard.panels.filter((panel) => panel.type !== "row")) {
      const kind = kinds[panel.type];
      lines.push(`// ${panel.title}`, `(${JSON.stringify(panel.options)}) satisfies Plain<${kind}.Options>;`);
      if (fields.includes(panel.type)) {
        lines.push(`(${JSON.stringify(panel.fieldConfig.defaults.custom)}) satisfies Plain<Partial<${kind}.FieldConfig>>;`);
      }
    }
    const name = join(folder, basename(file).replace(".json", ".ts"));
    writeFileSync(name, lines.join("\n") + "\n");
    return name;
  });
  const options = ["--noEmit", "--strict", "--skipLibCheck", "--module", "esnext", "--target", "es2022", "--moduleResolution", "bundler"];
  execFileSync(process.execPath, [join(resolve(modules), "typescript/bin/tsc"), ...options, ...written], { stdio: "inherit" });
  console.log(`${written.length} dashboards are of the types`);
} catch (error) {
  process.exitCode = error.status || 1;
  if (!error.status) console.error(error);
} finally {
  rmSync(folder, { recursive: true });
}
