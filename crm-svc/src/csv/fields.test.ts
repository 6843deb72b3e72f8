import { describe, expect, test } from "bun:test";
import type { ContactField } from "../contact-fields/schema.ts";
import { faultsOf, rowFields } from "./fields.ts";
import { mapHeaders } from "./headers.ts";
import { splitName } from "./names.ts";

const FIELDS: readonly ContactField[] = [
  { name: "note", label: null, type: "text", required: false, options: [] },
  { name: "size", label: null, type: "number", required: false, options: [] },
  { name: "agreed", label: null, type: "consent", required: false, options: [] },
  { name: "colours", label: null, type: "options", required: false, options: ["a;b", "c"] },
];

/** What one row says, by its headers. */
function said(cells: Record<string, string>) {
  const mapping = mapHeaders(Object.keys(cells), FIELDS);
  return rowFields(mapping, FIELDS, { line: 2, cells: Object.values(cells) });
}

describe("a row", () => {
  test.each<[Record<string, string>, Record<string, unknown>]>([
    [
      { Vorname: "Ada", Name: "Lovelace" },
      { firstName: "Ada", lastName: "Lovelace" },
    ],
    [
      { Name: "Ada Lovelace", Email: "" },
      { firstName: "Ada", lastName: "Lovelace" },
    ],
    [{ Name: "Someone Else", "First Name": "Ada", "Last Name": "" }, { firstName: "Ada" }],
    [{ Email: "a@x.example ::: b@x.example" }, { email: "a@x.example" }],
    [{ "Business Phone": " ", "Mobile Phone": "1" }, { phone: "1" }],
    [{ Labels: "a ::: b ; c,d", Categories: "e" }, { tags: ["a", "b", "c", "d", "e"] }],
    [{ Land: "Deutschland", Ort: "Ulm" }, { address: { country: "DE", city: "Ulm" } }],
    [{ Country: "UK" }, { address: { country: "GB" } }],
    [{ Country: "ch" }, { address: { country: "ch" } }],
    [{ Country: "Atlantis" }, { address: { country: "Atlantis" } }],
    [{ "Lifecycle Stage": "Marketing Qualified Lead" }, { lifecycleStage: "qualified" }],
    [
      { size: "12.5", agreed: "TRUE", colours: "a\\;b;c" },
      { custom: { size: 12.5, agreed: true, colours: ["a;b", "c"] } },
    ],
    [
      { firstName: "'=1+1", lastName: "'s Gravenhage" },
      { firstName: "=1+1", lastName: "'s Gravenhage" },
    ],
    [{ Email: " " }, {}],
  ])("%j", (cells, contact) => {
    expect(said(cells)).toEqual({ fields: { contact } });
  });

  test("with too many or too few cells is a fault of its own", () => {
    const mapping = mapHeaders(["Email", "City"], []);
    const fault = (cells: string[]) => rowFields(mapping, [], { line: 7, cells });
    expect(fault(["a@x.example", "Ulm", "more"])).toMatchObject({
      fault: { line: 7, column: null },
    });
    expect(fault(["a@x.example"])).toMatchObject({ fault: { line: 7, column: null } });
    expect(fault(["a@x.example", "Ulm", " ", ""])).toHaveProperty("fields");
    // Of more cells than can be columns not all are kept.
    expect(fault(["a@x.example", ...Array.from({ length: 1_000 }, () => "x")])).toMatchObject({
      fault: {
        reason: expect.stringMatching(/^has more than 1000 cells, and there are 2 headers/),
      },
    });
  });

  test("tells faults of its values in the terms of the file", () => {
    const headers = ["Name", "Courriel", "PLZ", "Labels"];
    const mapping = mapHeaders(headers, []);
    const record = { line: 3, cells: ["Ada", "nonsense", "", "a,b"] };
    const faults = ["contact.email", "address.postalCode", "tags[1]", "firstName", "phone", ""].map(
      (path) => ({ path, code: "x", message: "is wrong" }),
    );
    expect(faultsOf(mapping, record, faults)).toEqual([
      { line: 3, column: "Courriel", value: "nonsense", reason: "is wrong" },
      { line: 3, column: "PLZ", value: "", reason: "is wrong" },
      { line: 3, column: "Labels", value: "a,b", reason: "is wrong" },
      { line: 3, column: "Name", value: "Ada", reason: "is wrong" },
      { line: 3, column: null, value: null, reason: "phone: is wrong" },
      { line: 3, column: null, value: null, reason: "is wrong" },
    ]);
  });
});

test.each([
  ["Ada Lovelace", "Ada", "Lovelace"],
  ["Lovelace, Ada", "Ada", "Lovelace"],
  ["Ludwig van Beethoven", "Ludwig", "van Beethoven"],
  ["Martin Luther King Jr.", "Martin Luther", "King Jr."],
  ["John Smith, Jr.", "John", "Smith, Jr."],
  ["山田 太郎", "太郎", "山田"],
  ["Cher", "Cher", undefined],
  ["Dr. Ada King", "Dr. Ada", "King"],
  ["De Souza", "De", "Souza"],
])("the name %s", (whole, firstName, lastName) => {
  expect(splitName(whole)).toEqual({ firstName, ...(lastName !== undefined && { lastName }) });
});
