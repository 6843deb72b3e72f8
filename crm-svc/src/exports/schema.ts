import { z } from "zod";
import { filterFields } from "../contacts/filters.ts";

export const exportInput = z.strictObject(filterFields);

/** A piece of the file; it may end amid a row, or a character. */
export const exportChunk = z.instanceof(Uint8Array);
/** gRPC clients refuse messages of more than 4 MB unless they are told otherwise. */
export const MAX_CHUNK_BYTES = 262_144;

/** Rows that are read at once, so that long ones take no more memory than short ones. */
export const MOST_ROWS = 250;
export const LEAST_ROWS = 10;
export const PAGE_BYTES = 65_536;
