import { describe, expect, test } from "bun:test";
import { Failure } from "@crm/platform/errors";
import type { ContactField } from "../contact-fields/schema.ts";
import { type Mapping, mapHeaders } from "./headers.ts";

const FIELDS: readonly ContactField[] = [
  { name: "contractEnd", label: "Vertragsende", type: "date", required: false, options: [] },
  { name: "size", label: null, type: "number", required: false, options: [] },
];

/** By header, what it was taken for. */
function meanings({ headers, columns }: Mapping): Record<string, string> {
  return Object.fromEntries(
    [...columns].flatMap(([target, places]) => places.map((at) => [headers[at] ?? "", target])),
  );
}

function refusal(run: () => unknown) {
  try {
    run();
  } catch (error) {
    if (error instanceof Failure) return { code: error.code, at: error.fields[0]?.path };
    throw error;
  }
  throw new Error("it was not refused");
}

describe("headers are understood", () => {
  test.each<[string, Record<string, string>]>([
    ["ours", { id: "id", firstName: "firstName", "address.city": "address.city", tags: "tags" }],
    ["the tenant's", { "custom.size": "custom.size", VERTRAGSENDE: "custom.contractEnd" }],
    [
      "English, in any spelling",
      {
        "FIRST NAME": "firstName",
        last_name: "lastName",
        "E-Mail Address": "email",
        ZIP: "address.postalCode",
      },
    ],
    [
      "German",
      {
        Vorname: "firstName",
        Name: "lastName",
        "E-Mail": "email",
        Telefonnummer: "phone",
        Firma: "company",
        STRASSE: "address.street",
        PLZ: "address.postalCode",
        Ort: "address.city",
        Land: "address.country",
      },
    ],
    [
      "French",
      {
        Prénom: "firstName",
        Nom: "lastName",
        Courriel: "email",
        Téléphone: "phone",
        Société: "company",
        "Code postal": "address.postalCode",
        Ville: "address.city",
        Pays: "address.country",
      },
    ],
    [
      "Spanish",
      {
        Nombre: "firstName",
        Apellidos: "lastName",
        "Correo electrónico": "email",
        Teléfono: "phone",
        Empresa: "company",
        Ciudad: "address.city",
        País: "address.country",
      },
    ],
    [
      "Outlook's",
      {
        "First Name": "firstName",
        "Last Name": "lastName",
        Company: "company",
        "Job Title": "title",
        "Business Street": "address.street",
        "Business City": "address.city",
        "Business Postal Code": "address.postalCode",
        "Business Country/Region": "address.country",
        "Business Phone": "phone",
        "Mobile Phone": "phone",
        "E-mail Address": "email",
        "Web Page": "website",
        Categories: "tags",
      },
    ],
    [
      "Google's",
      {
        "Given Name": "firstName",
        "Family Name": "lastName",
        "Organization 1 - Name": "company",
        "Organization 1 - Title": "title",
        "E-mail 1 - Value": "email",
        "Phone 1 - Value": "phone",
        "Address 1 - Street": "address.street",
        "Address 1 - City": "address.city",
        "Group Membership": "tags",
      },
    ],
    [
      "HubSpot's",
      {
        "Record ID - Contact": "id",
        "Phone Number": "phone",
        "Company name": "company",
        "Job Title": "title",
        "Website URL": "website",
        "Street Address": "address.street",
        "State/Region": "address.region",
        "Country/Region": "address.country",
        "Lifecycle Stage": "lifecycleStage",
        "Original Source": "source",
      },
    ],
    [
      "Salesforce's",
      {
        "Account Name": "company",
        "Mailing Street": "address.street",
        "Mailing State/Province": "address.region",
        "Mailing Zip/Postal Code": "address.postalCode",
        "Mailing Country": "address.country",
        "Lead Source": "source",
      },
    ],
    ["a whole name", { Name: "fullName", "E-Mail": "email" }],
  ])("%s", (_, expected) => {
    const mapping = mapHeaders(Object.keys(expected), FIELDS);
    expect(meanings(mapping)).toEqual(expected);
    expect(mapping.ignored).toEqual([]);
  });

  test("the surest of several columns is read first, whatever their order", () => {
    const { columns } = mapHeaders(["Home Phone", "Phone", "Mobile Phone"], []);
    expect(columns.get("phone")).toEqual([1, 2, 0]);
  });

  test("what they are not is reported", () => {
    const { ignored } = mapHeaders(["Email", "Shoe size", "", "Title", "Job Title"], []);
    expect(ignored).toEqual(["Shoe size", "", "Title"]);
  });

  test("what is given goes before what is guessed", () => {
    const given = { Mail: "custom.size", Notes: "source", Email: null };
    const mapping = mapHeaders(["Mail", "Notes", "Email", "City"], FIELDS, given);
    expect(meanings(mapping)).toEqual({
      Mail: "custom.size",
      Notes: "source",
      City: "address.city",
    });
    expect(mapping.ignored).toEqual(["Email"]);
  });
});

test("headers that cannot be meant are refused", () => {
  expect(refusal(() => mapHeaders(["Email", "x", " Email "], []))).toEqual({
    code: "duplicate_headers",
    at: "line 1",
  });
  expect(refusal(() => mapHeaders(["foo", "bar"], []))).toEqual({
    code: "no_known_columns",
    at: "line 1",
  });
  expect(refusal(() => mapHeaders(["Email"], [], { Mail: "email" }))).toEqual({
    code: "invalid_fields",
    at: "mapping.Mail",
  });
  expect(refusal(() => mapHeaders(["Email"], [], { Email: "custom.gone" }))).toEqual({
    code: "invalid_fields",
    at: "mapping.Email",
  });
});
