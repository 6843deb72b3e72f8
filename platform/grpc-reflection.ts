import {
  createRegistry,
  type DescFile,
  type DescService,
  type Registry,
  toBinary,
} from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { Code, type ConnectRouter } from "@connectrpc/connect";
import {
  ServerReflection,
  type ServerReflectionRequest,
} from "@crm/proto/grpc/reflection/v1/reflection_pb";
import {
  ServerReflection as ServerReflectionAlpha,
  type ServerReflectionRequest as ServerReflectionRequestAlpha,
} from "@crm/proto/grpc/reflection/v1alpha/reflection_pb";

/**
 * gRPC's server reflection, in both versions that are in use: what grpcurl and the like ask for, so
 * that they need no .proto files. It tells of these services and of itself, and of the messages that
 * they use; none of our files extends another's messages.
 *
 * https://github.com/grpc/grpc/blob/master/doc/server-reflection.md
 */
export function grpcReflection(services: readonly DescService[]): (router: ConnectRouter) => void {
  const all = [...services, ServerReflection, ServerReflectionAlpha];
  const files = new Map<string, DescFile>();
  for (const { file } of all) collect(file, files);
  const registry = createRegistry(...files.values());

  return (router) => {
    router.service(ServerReflection, {
      async *serverReflectionInfo(requests) {
        for await (const request of requests) {
          yield {
            validHost: request.host,
            originalRequest: request,
            messageResponse: reply(request),
          };
        }
      },
    });
    router.service(ServerReflectionAlpha, {
      async *serverReflectionInfo(requests) {
        for await (const request of requests) {
          yield {
            validHost: request.host,
            originalRequest: request,
            messageResponse: reply(request),
          };
        }
      },
    });
  };

  function reply({ messageRequest }: ServerReflectionRequest | ServerReflectionRequestAlpha) {
    switch (messageRequest.case) {
      case "listServices": {
        const service = all.map(({ typeName }) => ({ name: typeName }));
        return { case: "listServicesResponse", value: { service } } as const;
      }
      case "fileByFilename":
        return fileReply(files.get(messageRequest.value), messageRequest.value);
      case "fileContainingSymbol":
        return fileReply(fileOf(registry, messageRequest.value), messageRequest.value);
      case "allExtensionNumbersOfType": {
        const baseTypeName = messageRequest.value;
        if (registry.getMessage(baseTypeName) === undefined) return notFound(baseTypeName);
        return { case: "allExtensionNumbersResponse", value: { baseTypeName } } as const;
      }
      case "fileContainingExtension":
        return notFound(`an extension of ${messageRequest.value.containingType}`);
      default:
        return failure(Code.InvalidArgument, "the request must ask for something");
    }
  }
}

/** A file and, before it, all that it imports, by the names that imports have. */
function collect(file: DescFile, into: Map<string, DescFile>): void {
  if (into.has(file.proto.name)) return;
  for (const dependency of file.dependencies) collect(dependency, into);
  into.set(file.proto.name, file);
}

/** The file that declares a service, a message, an enum, or a method, a field or a value of one. */
function fileOf(registry: Registry, symbol: string): DescFile | undefined {
  const type = registry.get(symbol);
  if (type !== undefined) return type.file;
  const dot = symbol.lastIndexOf(".");
  const outer = registry.get(symbol.slice(0, dot));
  const name = symbol.slice(dot + 1);
  switch (outer?.kind) {
    case "service":
      return outer.methods.some((method) => method.name === name) ? outer.file : undefined;
    case "message": {
      const members = [...outer.fields, ...outer.oneofs];
      return members.some((member) => member.name === name) ? outer.file : undefined;
    }
    default:
      return undefined;
  }
}

function fileReply(file: DescFile | undefined, asked: string) {
  if (file === undefined) return notFound(asked);
  const needed = new Map<string, DescFile>();
  collect(file, needed);
  const fileDescriptorProto = Array.from(needed.values(), ({ proto }) =>
    toBinary(FileDescriptorProtoSchema, proto),
  );
  return { case: "fileDescriptorResponse", value: { fileDescriptorProto } } as const;
}

function notFound(what: string) {
  return failure(Code.NotFound, `${what} is not known here`);
}

function failure(errorCode: Code, errorMessage: string) {
  return { case: "errorResponse", value: { errorCode, errorMessage } } as const;
}
