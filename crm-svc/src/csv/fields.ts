import type { FieldFault } from "@crm/platform/errors";
import type { ContactField } from "../contact-fields/schema.ts";
import { valueOfText } from "../contact-fields/values.ts";
import { splitList, unguardCell } from "./cells.ts";
import { countryCode } from "./countries.ts";
import type { Mapping } from "./headers.ts";
import { splitName } from "./names.ts";
import {
  type ContactColumn,
  type CsvRecord,
  MAX_COLUMNS,
  type RowFault,
  type Target,
} from "./schema.ts";

/** What a row says of a contact, in the form of a request to create one, and checked as little. */
export interface RowFields {
  /** Of a contact that was exported from here. */
  readonly id?: string;
  /** Blank cells are not in it. */
  readonly contact: Readonly<Record<string, unknown>>;
}

/** Stages of HubSpot's that have other names here. */
const STAGES: Readonly<Record<string, string>> = {
  "marketing qualified lead": "qualified",
  "sales qualified lead": "qualified",
  marketingqualifiedlead: "qualified",
  salesqualifiedlead: "qualified",
  evangelist: "customer",
};

/**
 * What a row says. Its faults are those of its form alone, too many or too few cells; what its values
 * must be is the contact's schema to say, and `faultsOf` tells it in the terms of the file.
 */
export function rowFields(
  mapping: Mapping,
  customFields: readonly ContactField[],
  { line, cells }: CsvRecord,
): { readonly fields: RowFields } | { readonly fault: RowFault } {
  const { headers, columns } = mapping;
  // Spreadsheets fill rows up with blank cells.
  const surplus = cells.slice(headers.length).some((cell) => cell.trim() !== "");
  if (surplus || cells.length < headers.length) {
    const count = cells.length > MAX_COLUMNS ? `more than ${MAX_COLUMNS}` : cells.length;
    const reason = `has ${count} cells, and there are ${headers.length} headers: check the quotes and separators`;
    return { fault: { line, column: null, value: null, reason } };
  }

  const filled = (target: Target): string[] =>
    (columns.get(target) ?? [])
      .map((column) => unguardCell(cells[column] ?? ""))
      .filter((cell) => cell.trim() !== "");
  const text = (target: ContactColumn): string | undefined => filled(target)[0];

  const [firstName, lastName] = [text("firstName"), text("lastName")];
  const whole = firstName === undefined && lastName === undefined ? text("fullName") : undefined;
  const country = text("address.country");
  const stage = text("lifecycleStage")?.trim().toLowerCase();
  const tags = filled("tags").flatMap(splitList);
  const contact = given({
    firstName,
    lastName,
    ...(whole !== undefined && splitName(whole)),
    email: firstOfSeveral(text("email")),
    phone: firstOfSeveral(text("phone")),
    company: text("company"),
    title: text("title"),
    website: firstOfSeveral(text("website")),
    address: given({
      street: text("address.street"),
      city: text("address.city"),
      region: text("address.region"),
      postalCode: text("address.postalCode"),
      country: country && countryCode(country.trim()),
    }),
    tags: tags.length > 0 ? tags : undefined,
    source: text("source"),
    lifecycleStage: stage && (STAGES[stage] ?? stage),
    ownerUserId: text("ownerUserId"),
    custom: given(
      Object.fromEntries(
        customFields.map((field) => {
          const [cell] = filled(`custom.${field.name}`);
          return [field.name, cell === undefined ? undefined : customValueOf(field, cell)];
        }),
      ),
    ),
  });
  const id = text("id");
  return { fields: { ...(id !== undefined && { id: id.trim() }), contact: contact ?? {} } };
}

/** Faults that the contact's schema has found, by the columns from which the values came. */
export function faultsOf(
  mapping: Mapping,
  { line, cells }: CsvRecord,
  faults: readonly FieldFault[],
): RowFault[] {
  return faults.map(({ path, message }) => {
    const field = path.replace(/^contact\./, "").replace(/\[\d+\].*$/, "");
    const column = columnOf(mapping, cells, field);
    if (column === undefined) {
      const reason = field === "" ? message : `${field}: ${message}`;
      return { line, column: null, value: null, reason };
    }
    const value = unguardCell(cells[column] ?? "");
    return { line, column: mapping.headers[column] ?? null, value, reason: message };
  });
}

function columnOf({ columns }: Mapping, cells: readonly string[], field: string) {
  const splits = field === "firstName" || field === "lastName";
  // What is no column's name is in none of them.
  const candidates = [
    ...(columns.get(field as Target) ?? []),
    ...(splits ? (columns.get("fullName") ?? []) : []),
  ];
  return candidates.find((column) => (cells[column] ?? "").trim() !== "") ?? candidates[0];
}

/** Without what is undefined; undefined if nothing is left. */
function given(values: Record<string, unknown>): Record<string, unknown> | undefined {
  const entries = Object.entries(values).filter(([, value]) => value !== undefined);
  return entries.length > 0 ? Object.fromEntries(entries) : undefined;
}

/** Google Contacts writes all of a person's addresses into one cell. */
function firstOfSeveral(cell: string | undefined): string | undefined {
  return cell?.split(" ::: ", 1)[0];
}

function customValueOf(field: ContactField, cell: string): unknown {
  return field.type === "options" ? splitList(cell) : valueOfText(field, cell.trim());
}
