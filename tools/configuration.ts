import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { serviceConfig } from "@crm/platform/config";
import type { z } from "zod";
import { crmConfig } from "../crm-svc/src/config.ts";
import { userConfig } from "../user-svc/src/config.ts";
import { migrateConfig } from "./migrate.ts";

const PAGE = join(import.meta.dir, "../docs/configuration.md");

const INTRODUCTION = `# Configuration

A service reads these variables of its environment when it starts. \`NAME_FILE\` may stand for any
\`NAME\`: the value is then the content of that file, as secrets are mounted (marked 🔒 below). An empty
variable counts as unset. \`--check-config\` says everything that is wrong at once and ends with 78, or
with 0.

A rate is how often, and in how many seconds, minutes, hours or days: \`20/15m\`.

This page is made from the schemas: \`npm run generate\`.
`;

/** A variable as its schema describes it. */
export interface DescribedVariable {
  readonly name: string;
  readonly required: boolean;
  readonly default: string | undefined;
  readonly unit: string | undefined;
  readonly secret: boolean;
  readonly description: string;
}

/** The variables of a configuration. Throws if one has no description. */
export function describedVariables(config: z.ZodObject): DescribedVariable[] {
  return Object.entries(config.shape).map(([name, schema]) => {
    const { description, unit, secret } = schema.meta() ?? {};
    if (description === undefined) throw new Error(`${name} has no description`);
    const { def } = schema._zod;
    return {
      name,
      required: def.type !== "optional" && !("defaultValue" in def),
      default: "defaultValue" in def ? String(def.defaultValue) : undefined,
      unit: typeof unit === "string" ? unit : undefined,
      secret: secret === true,
      description,
    };
  });
}

/** Writes docs/configuration.md. */
export async function writeConfigurationPage(): Promise<void> {
  await writeFile(PAGE, page());
}

/** Whether it is as it would be written. */
export async function configurationPageIsRight(): Promise<boolean> {
  return (await readFile(PAGE, "utf8").catch(() => "")) === page();
}

function page(): string {
  const shared = new Set(Object.keys(serviceConfig.shape));
  const own = (config: z.ZodObject): DescribedVariable[] =>
    describedVariables(config).filter(({ name }) => !shared.has(name));
  return [
    INTRODUCTION,
    `## Both services\n\n${table(describedVariables(serviceConfig))}\n`,
    `## user-svc\n\n${table(own(userConfig))}\n`,
    `## crm-svc\n\n${table(own(crmConfig))}\n`,
    `## migrate\n\n${table(describedVariables(migrateConfig))}\n`,
  ].join("\n");
}

function table(variables: readonly DescribedVariable[]): string {
  const rows = variables.map((variable) => {
    const { name, required, unit = "", secret, description } = variable;
    const preset = variable.default ? `\`${variable.default}\`` : required ? "**required**" : "";
    return `| \`${name}\`${secret ? " 🔒" : ""} | ${preset} | ${unit} | ${description} |`;
  });
  return ["| variable | default | unit | effect |", "|---|---|---|---|", ...rows].join("\n");
}
