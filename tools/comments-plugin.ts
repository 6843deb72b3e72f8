import type { AnyDesc, DescFile } from "@bufbuild/protobuf";
import { createEcmaScriptPlugin, getComments, runNodeJs } from "@bufbuild/protoplugin";

// A plugin of buf: writes the comments of our own .proto files, by full name, to comments.ts, since
// generated code has them for people only. What a field is, is so said once, for both transports.

const OURS = /^(user|crm)\./;

runNodeJs(
  createEcmaScriptPlugin({
    name: "comments-plugin",
    version: "v1",
    generateTs(schema) {
      const comments = schema.files
        .filter((file) => OURS.test(file.proto.package))
        .flatMap(describedIn)
        .flatMap((described) => {
          const text = getComments(described).leading?.replace(/\s+/g, " ").trim();
          return text ? [[nameOf(described), text] as const] : [];
        })
        .toSorted(([one], [other]) => (one < other ? -1 : 1));
      const file = schema.generateFile("comments.ts");
      file.print(
        "/** The comments of methods, messages and fields in the .proto files, by full name. */",
      );
      file.print("export const COMMENTS: Readonly<Record<string, string>> = {");
      for (const [name, text] of comments) {
        file.print("  ", JSON.stringify(name), ": ", JSON.stringify(text), ",");
      }
      file.print("};");
    },
  }),
);

function describedIn(file: DescFile): Exclude<AnyDesc, DescFile>[] {
  return [
    ...file.services.flatMap((service) => [service, ...service.methods]),
    ...file.messages.flatMap((message) => [message, ...message.fields]),
    ...file.messages.flatMap(({ nestedMessages }) =>
      nestedMessages.flatMap((message) => [message, ...message.fields]),
    ),
  ];
}

function nameOf(described: Exclude<AnyDesc, DescFile>): string {
  if (described.kind === "field" || described.kind === "rpc") {
    return `${described.parent.typeName}.${described.name}`;
  }
  return "typeName" in described ? described.typeName : described.name;
}
