import { expectedVersion, flag, text } from "@crm/platform/input";
import { z } from "zod";

export const MAX_FIELDS = 100;
const MAX_OPTIONS = 200;
/** Of a value that is text. */
export const MAX_TEXT = 2_000;

/** A consent is a boolean that merging never loosens: a no of either contact stays a no. */
export const fieldType = z.enum([
  "text",
  "number",
  "boolean",
  "date",
  "option",
  "options",
  "consent",
]);

/** As all names in JSON are written, and as a field mask can say it. */
const name = text(50).regex(
  /^[a-z][a-zA-Z0-9]*$/,
  "must be a small letter and then letters and digits, without accents, such as contractEnd",
);

const options = z
  .array(text(100))
  .max(MAX_OPTIONS, `must be at most ${MAX_OPTIONS}`)
  .transform((list) => [...new Set(list)]);

const fieldInput = z
  .strictObject({
    name,
    label: text(100)
      .nullish()
      .transform((label) => label ?? null),
    type: fieldType,
    required: flag.nullish().transform((required) => required ?? false),
    options: options.nullish().transform((list) => list ?? []),
  })
  .superRefine(({ type, options: given }, context) => {
    const choice = type === "option" || type === "options";
    if (choice === given.length > 0) return;
    context.addIssue({
      code: "custom",
      path: ["options"],
      message: choice ? `must be there for a field of type ${type}` : "are for option and options",
      params: { code: choice ? "required" : "unexpected" },
    });
  });

const fieldsInput = z
  .array(fieldInput)
  .max(MAX_FIELDS, `must be at most ${MAX_FIELDS}`)
  .superRefine((fields, context) => {
    const names = fields.map((field) => field.name.toLowerCase());
    for (const [at, each] of names.entries()) {
      if (names.indexOf(each) === at) continue;
      const message = "is the name of another field, but for its capital letters";
      const params = { code: "duplicate" };
      context.addIssue({ code: "custom", path: [at, "name"], message, params });
    }
  });

export const getContactFieldsInput = z.strictObject({});
export const setContactFieldsInput = z.strictObject({ fields: fieldsInput, expectedVersion });

export const contactField = z.strictObject({
  name: z.string(),
  label: z.string().nullable(),
  type: fieldType,
  required: z.boolean(),
  options: z.array(z.string()),
});

export const contactFields = z.strictObject({
  fields: z.array(contactField),
  version: z.int(),
});

export type ContactField = z.output<typeof contactField>;
export type ContactFieldList = z.output<typeof contactFields>;
/** A value of a field, as JSON has it. */
export type CustomValue = string | number | boolean | string[];
