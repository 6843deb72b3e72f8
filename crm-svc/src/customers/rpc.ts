import { bind } from "@crm/platform/rpc";
import { CustomerService } from "@crm/proto/crm/v1/customer_pb";
import { getCustomer, listCustomers } from "./operations.ts";
import type { Customer } from "./schema.ts";

const { method } = CustomerService;

export const customerBindings = [
  bind(method.getCustomer, getCustomer, { output: (customer: Customer) => ({ customer }) }),
  bind(method.listCustomers, listCustomers),
];
