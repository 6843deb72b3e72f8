import { ConfigFault, productionNeeds, readConfig } from "@crm/platform/config";
import type { z } from "zod";
import { crmConfig } from "../../crm-svc/src/config.ts";
import { userConfig } from "../../user-svc/src/config.ts";
import { migrateConfig } from "../migrate.ts";

export type ProgramName = "user-svc" | "crm-svc" | "migrate";

const CONFIGS: Readonly<Record<ProgramName, z.ZodObject>> = {
  "user-svc": userConfig.superRefine(productionNeeds, { when: () => true }),
  "crm-svc": crmConfig.superRefine(productionNeeds, { when: () => true }),
  migrate: migrateConfig,
};

/** Good for every variable that is read from a mounted file. */
const SECRETS: Readonly<Record<string, string>> = {
  DATABASE_URL: "postgres://crm_app:secret@postgres:5432/crm",
  JWT_SIGNING_KEY: "-----BEGIN PRIVATE KEY-----",
};
const OTHER_SECRET = "a secret that is good for tests only";

/**
 * All that is wrong with the variables of a program: those that it does not know, secrets that stand
 * in the open, and what its schema says of the rest, once each `NAME_FILE` is the content of a file.
 */
export function faultsOf(
  program: ProgramName,
  variables: Readonly<Record<string, string>>,
): string[] {
  const { shape } = CONFIGS[program];
  const faults: string[] = [];
  const environment: Record<string, string> = {};
  for (const [variable, value] of Object.entries(variables)) {
    const name = variable.replace(/_FILE$/, "");
    const schema = Object.entries(shape).find(([known]) => known === name)?.[1];
    if (!schema) faults.push(`${variable}: is not known`);
    if (variable !== name) environment[name] = SECRETS[name] ?? OTHER_SECRET;
    else {
      environment[name] = value;
      if (schema?.meta()?.["secret"] === true) faults.push(`${name}: stands in the open`);
    }
  }
  try {
    readConfig(CONFIGS[program], environment);
  } catch (error) {
    if (!(error instanceof ConfigFault)) throw error;
    faults.push(...error.faults);
  }
  return faults;
}
