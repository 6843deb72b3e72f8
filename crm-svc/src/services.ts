import { jobs } from "@crm/platform/jobs";
import { type OperationServices, operations } from "@crm/platform/operation";
import type { Cursors } from "@crm/platform/pages";
import { streamOperations } from "@crm/platform/streams";
import type { CrmMeasures } from "./measures.ts";
import type { DB } from "./tables.gen.ts";

/** What the operations of crm-svc stand on. */
export interface CrmServices extends OperationServices<DB> {
  readonly cursors: Cursors;
  readonly measures: Pick<CrmMeasures, "searches">;
  readonly imports: {
    /** Of a file that is uploaded. */
    readonly maxBytes: number;
  };
}

/** The ways to define an operation of crm-svc. */
export const { read, write } = operations<DB, CrmServices>("crm");
export const { stream, upload } = streamOperations<DB, CrmServices>("crm");

/** The way to define a job of crm-svc. */
export const job = jobs<DB, CrmServices>("crm");
