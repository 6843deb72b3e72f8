import { setImmediate } from "node:timers/promises";
import { Failure, type FieldFault } from "@crm/platform/errors";
import { parseInput } from "@crm/platform/input";
import { z } from "zod";
import type { ContactSettings } from "../contact-fields/queries.ts";
import { acceptNew } from "../contacts/accept.ts";
import { type ContactFields, type ContactValues, createInput } from "../contacts/schema.ts";
import { faultsOf, rowFields } from "../csv/fields.ts";
import type { Mapping } from "../csv/headers.ts";
import type { RowFault } from "../csv/schema.ts";
import type { StagedRecord, StoredMapping } from "./schema.ts";

/** A row of a file, in the terms of a request that creates a contact. */
export interface Row {
  readonly line: number;
  /** Of a contact that was exported from here. */
  readonly id: string | null;
  readonly fields: ContactFields;
  /** What a new contact would hold. */
  readonly values: ContactValues;
  /** Why it could not be one; a contact that is there may take the row all the same. */
  readonly newFaults: readonly RowFault[];
  /** Faults of the contact that takes the row, in the terms of the file. */
  faultsOf(faults: readonly FieldFault[]): RowFault[];
}

export interface Understood {
  readonly rows: readonly Row[];
  /** Of rows that are no contact's, whatever is there already. */
  readonly faults: readonly RowFault[];
}

const contactFields = createInput.shape.contact;
const uuid = z.uuid();

/** What takes some 0.1 ms a row is interrupted so often, so that requests need not wait for it. */
const ROWS_AT_ONCE = 2;

/** Understands rows just as a request to create a contact is. A bad row costs only itself. */
export async function understand(
  records: readonly StagedRecord[],
  mapping: Mapping,
  settings: ContactSettings,
  ownerId: string | null,
): Promise<Understood> {
  const rows: Row[] = [];
  const faults: RowFault[] = [];
  for (const [at, [line, cells]] of records.entries()) {
    if (at % ROWS_AT_ONCE === ROWS_AT_ONCE - 1) await setImmediate();
    const record = { line, cells };
    const told = rowFields(mapping, settings.fields, record);
    if ("fault" in told) {
      faults.push(told.fault);
      continue;
    }
    const inFile = (found: readonly FieldFault[]) => faultsOf(mapping, record, found);
    try {
      const fields = parseInput(contactFields, told.fields.contact);
      const accepted = acceptNew(fields, ownerId, settings);
      const id = uuid.safeParse(told.fields.id);
      rows.push({
        line,
        // Other programs have ids of other forms; they mean nothing here.
        id: id.success ? id.data : null,
        fields,
        values: accepted.values,
        newFaults: inFile(accepted.faults),
        faultsOf: inFile,
      });
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      faults.push(...inFile(error.fields));
    }
  }
  return { rows, faults };
}

/** As the mapping is kept with the import. */
export function mappingOf({ headers, columns, ignored }: StoredMapping): Mapping {
  return { headers, columns: new Map(columns), ignored };
}
