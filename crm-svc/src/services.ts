import { type OperationServices, operations } from "@crm/platform/operation";
import type { Cursors } from "@crm/platform/pages";
import type { DB } from "./tables.gen.ts";

/** What the operations of crm-svc stand on. */
export interface CrmServices extends OperationServices<DB> {
  readonly cursors: Cursors;
}

/** The ways to define an operation of crm-svc. */
export const { read, write } = operations<DB, CrmServices>("crm");
