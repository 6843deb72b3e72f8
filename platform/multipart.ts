import { pipeline } from "node:stream/promises";
import { Busboy, type BusboyFileStream } from "@fastify/busboy";
import { malformed } from "./errors.ts";

const LIMITS = { files: 1, fields: 20, fieldSize: 65_536, fieldNameSize: 100, headerPairs: 20 };

/** A form with one file, whose fields came before it. */
export interface FileForm {
  readonly fields: Readonly<Record<string, string>>;
  /** The file's content; throws `malformed` if what follows it is not the end of the form. */
  readonly file: AsyncGenerator<Uint8Array, void>;
}

/**
 * Reads `multipart/form-data` (RFC 7578) as it comes, without keeping the file: it is to be read while
 * the rest of the body is still on its way. So the fields must stand before it.
 *
 * Throws `malformed` if the body is no such form, has no file or more than one, or fields that are too
 * many, too long, or given twice.
 */
export async function readFileForm(
  contentType: string,
  body: AsyncIterable<Uint8Array>,
): Promise<FileForm> {
  const form = openForm(contentType);
  const fields = new Map<string, string>();
  let fault: Error | undefined;
  const found = Promise.withResolvers<BusboyFileStream>();
  form.on("field", (name, value, nameCut, valueCut) => {
    if (nameCut || valueCut) fault ??= notForm(`the field ${name.slice(0, 50)} is too long`);
    else if (fields.has(name)) fault ??= notForm(`the field ${name} is there twice`);
    fields.set(name, value);
  });
  form.on("file", (_name, file) => found.resolve(file));
  form.on("filesLimit", () => (fault ??= notForm("there is more than one file")));
  form.on("fieldsLimit", () => (fault ??= notForm("there are too many fields")));
  const read = pipeline(body, form).catch((error: unknown) => {
    // The parser's own complaints say what it stumbled over; what the body threw goes through.
    throw isParsers(error) ? notForm(error.message) : error;
  });
  const file = await Promise.race([
    found.promise,
    read.then(() => {
      throw fault ?? notForm("there is no file in it");
    }),
  ]);
  read.catch((error) => file.destroy(error));
  if (fault) {
    file.destroy();
    form.destroy();
    throw fault;
  }
  const before = fields.size;

  async function* content(): AsyncGenerator<Uint8Array, void> {
    try {
      yield* file;
      await read;
      if (fields.size > before) fault ??= notForm("the fields must stand before the file");
      if (fault) throw fault;
    } finally {
      form.destroy();
    }
  }
  return { fields: Object.fromEntries(fields), file: content() };
}

function openForm(contentType: string) {
  try {
    return Busboy({ headers: { "content-type": contentType }, limits: LIMITS });
  } catch (error) {
    throw notForm(error instanceof Error ? error.message : String(error));
  }
}

function isParsers(error: unknown): error is Error {
  return error instanceof Error && /multipart|boundary|part terminated|header/i.test(error.message);
}

function notForm(reason: string) {
  return malformed("invalid_form", `The body is not a form with one file: ${reason}.`);
}
