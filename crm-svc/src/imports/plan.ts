import { changedFields } from "@crm/platform/audit";
import type { ContactSettings } from "../contact-fields/queries.ts";
import { acceptPatch } from "../contacts/accept.ts";
import type { Contact, ContactValues } from "../contacts/schema.ts";
import type { RowFault } from "../csv/schema.ts";
import type { ImportMode, PreviewRow } from "./schema.ts";
import type { Row } from "./understand.ts";

/** By what a row is recognised, besides its e-mail address. */
export interface Match {
  /** Phone and name; null without a phone. */
  readonly phoneKey: string | null;
  /** Name and company. */
  readonly nameKey: string;
  /** The contact that it stands for, if that is there. */
  readonly contactId: string | null;
  /** That contact answers in place of the one that was exported: the row is from before the merge. */
  readonly merged: boolean;
}

export interface NewContact {
  readonly line: number;
  readonly id: string;
  readonly values: ContactValues;
}

export interface ChangedContact {
  readonly line: number;
  readonly contact: Contact;
  readonly values: ContactValues;
  readonly before: Partial<ContactValues>;
  readonly after: Partial<ContactValues>;
}

/** What a batch comes to. The counts are of rows, of which several may be about one contact. */
export interface Plan {
  readonly created: readonly NewContact[];
  readonly updated: readonly ChangedContact[];
  readonly counts: { created: number; updated: number; skipped: number };
  readonly faults: readonly RowFault[];
  readonly preview: readonly PreviewRow[];
  /** By what the new contacts are to be recognised. */
  readonly newKeys: readonly string[];
}

export interface PlanContext {
  readonly mode: ImportMode;
  readonly settings: ContactSettings;
  /** The user whose contacts alone may be made and changed; null for everybody's. */
  readonly ownedBy: string | null;
  /** Users who are there, of those that rows name as owners. */
  readonly owners: ReadonlySet<string>;
  /** The contacts that rows stand for; empty in a mode that changes none. */
  readonly existing: ReadonlyMap<string, Contact>;
  /** Keys of contacts that former batches of a dry run would have made. */
  readonly knownKeys: ReadonlySet<string>;
  readonly previewRows: number;
}

/** What a row is about: a contact that is there, or one that this batch makes. */
interface Subject {
  readonly line: number;
  readonly id: string;
  readonly contact: Contact | null;
  values: ContactValues;
}

/**
 * Decides on each row in the order of the file, so that of two rows about the same contact the second
 * finds what the first has made of it.
 */
export function plan(rows: readonly Row[], matches: readonly Match[], context: PlanContext): Plan {
  const { mode, settings, ownedBy, owners, existing, knownKeys, previewRows } = context;
  const subjects = new Map<string, Subject>();
  const byKey = new Map<string, Subject>();
  const counts = { created: 0, updated: 0, skipped: 0 };
  const faults: RowFault[] = [];
  const preview: PreviewRow[] = [];
  const newKeys: string[] = [];

  const show = (line: number, action: PreviewRow["action"], contact: ContactValues): void => {
    if (preview.length < previewRows) preview.push({ line, action, contact });
  };

  function create(row: Row, keys: readonly string[]): void {
    const found = [...row.newFaults, ...ownerFaults(row, row.values)];
    if (found.length > 0) {
      faults.push(...found);
      return;
    }
    const subject = {
      line: row.line,
      id: Bun.randomUUIDv7(),
      contact: null,
      values: row.values,
    };
    subjects.set(subject.id, subject);
    for (const key of keys) if (!byKey.has(key)) byKey.set(key, subject);
    newKeys.push(...keys);
    counts.created++;
    show(row.line, "create", row.values);
  }

  function update(row: Row, subject: Subject): void {
    const { values, faults: unaccepted } = acceptPatch(subject.values, row.fields, settings);
    const found = [...row.faultsOf(unaccepted), ...ownerFaults(row, values)];
    if (found.length > 0) {
      faults.push(...found);
      return;
    }
    if (changedFields(subject.values, values) === null) {
      skip(row);
      return;
    }
    subject.values = values;
    subjects.set(subject.id, subject);
    counts.updated++;
    show(row.line, "update", values);
  }

  function skip({ line, values }: Row): void {
    counts.skipped++;
    show(line, "skip", values);
  }

  function ownerFaults(row: Row, { ownerUserId }: ContactValues): RowFault[] {
    if (ownerUserId === null && ownedBy === null) return [];
    if (ownedBy !== null && ownerUserId !== ownedBy) {
      const message = "is not you, and your role may only have contacts of its own";
      return row.faultsOf([{ path: "ownerUserId", code: "forbidden", message }]);
    }
    if (ownerUserId === null || typeof row.fields.ownerUserId !== "string") return [];
    if (owners.has(ownerUserId)) return [];
    const message = "is not a user of this company";
    return row.faultsOf([{ path: "ownerUserId", code: "not_found", message }]);
  }

  for (const [at, row] of rows.entries()) {
    const match = matches[at];
    if (match === undefined) throw new Error("a row has no match");
    const keys = keysOf(row, match);
    const [key] = keys;
    if (mode === "create") {
      create(row, []);
      continue;
    }
    if (match.merged) {
      // Its values have had their say in the merge.
      skip(row);
      continue;
    }
    const contact = match.contactId === null ? undefined : existing.get(match.contactId);
    const earlier =
      (match.contactId === null ? undefined : subjects.get(match.contactId)) ??
      (match.contactId === null && key !== undefined ? byKey.get(key) : undefined);
    if (earlier === undefined && match.contactId === null && !(key && knownKeys.has(key))) {
      create(row, keys);
    } else if (mode === "skip") {
      skip(row);
    } else if (earlier !== undefined) {
      update(row, earlier);
    } else if (contact !== undefined) {
      if (ownedBy !== null && contact.ownerUserId !== ownedBy) {
        const message = "stands for a contact of somebody else's, which your role may not change";
        faults.push(...row.faultsOf([{ path: "", code: "forbidden", message }]));
      } else {
        const { id, version, createdAt, updatedAt, ...values } = contact;
        update(row, { line: row.line, id, contact, values });
      }
    } else if (match.contactId === null) {
      // In a dry run, a contact that a former batch would have made.
      counts.updated++;
      show(row.line, "update", row.values);
    } else {
      // Deleted since it was found.
      skip(row);
    }
  }

  const all = [...subjects.values()];
  return {
    created: all.flatMap(({ line, id, contact, values }) =>
      contact === null ? { line, id, values } : [],
    ),
    updated: all.flatMap(({ line, contact, values }) => {
      if (contact === null) return [];
      const { id, version, createdAt, updatedAt, ...current } = contact;
      const changed = changedFields<ContactValues>(current, values);
      return changed === null ? [] : { line, contact, values, ...changed };
    }),
    counts,
    faults,
    preview,
    newKeys,
  };
}

/** By what a row is looked for, first, and by what others may find it. */
export function keysOf({ values }: Pick<Row, "values">, { phoneKey, nameKey }: Match): string[] {
  const { email } = values;
  return [
    ...(email === null ? [] : [`email\n${email}`]),
    ...(phoneKey === null ? [] : [`phone\n${phoneKey}`]),
    `name\n${nameKey}`,
  ];
}
