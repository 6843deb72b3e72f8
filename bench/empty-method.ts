import { create, createFileRegistry, type DescMethodUnary } from "@bufbuild/protobuf";
import { EmptySchema, FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";

const EMPTY = `.${EmptySchema.typeName}`;

/** `rpc Empty(google.protobuf.Empty) returns (google.protobuf.Empty)`: what any method costs at least. */
export const emptyMethod = describe();

function describe(): DescMethodUnary<typeof EmptySchema, typeof EmptySchema> {
  const file = create(FileDescriptorProtoSchema, {
    name: "bench/v1/empty.proto",
    package: "bench.v1",
    syntax: "proto3",
    dependency: [EmptySchema.file.proto.name],
    service: [
      { name: "EmptyService", method: [{ name: "Empty", inputType: EMPTY, outputType: EMPTY }] },
    ],
  });
  const service = createFileRegistry(file, () => EmptySchema.file).getService(
    "bench.v1.EmptyService",
  );
  const method = service?.method["empty"];
  if (method?.methodKind !== "unary") throw new Error("the empty method is not described rightly");
  // Its messages are the ones named above, which a registry's types do not tell.
  return method as DescMethodUnary<typeof EmptySchema, typeof EmptySchema>;
}
