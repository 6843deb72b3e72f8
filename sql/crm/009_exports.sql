-- Contacts as lines of CSV (RFC 4180). PostgreSQL writes them, because a page as one text costs the service
-- a quarter of the processor time, and a fraction of the memory, of a page as rows and objects.
-- crm-svc/src/csv/cells.ts reads what is written here, and its counterparts there must agree.

-- A cell that no spreadsheet runs: with an apostrophe before what could begin a formula (OWASP, CSV
-- injection; the full-width forms are Japanese Excel's), and before an apostrophe itself.
create function crm.csv_escaped(content text) returns text
  language plpgsql immutable strict parallel safe
as $$
begin
  if content ~ '^[=+\-@\t\r''＝＋－＠]' then
    content := '''' || content;
  end if;
  if content ~ '[",\r\n]' then
    return '"' || replace(content, '"', '""') || '"';
  end if;
  return content;
end
$$;

-- Most cells are as they are; to find that out within the statement takes half the time of a call.
create function crm.csv_cell(content text) returns text
  language sql immutable parallel safe
  return case when content ~ '[",\r\n]|^[=+\-@\t''＝＋－＠]' then crm.csv_escaped(content)
    else coalesce(content, '') end;

-- Several values in one cell; what would separate them within one is escaped by a backslash.
create function crm.csv_list(contents text[]) returns text
  language sql immutable parallel safe
  return (select string_agg(regexp_replace(content, '([;,\\]|:::)', '\\\1', 'g'), ';' order by place)
          from unnest(contents) with ordinality as each (content, place));

-- A value of a field of the tenant's own.
create function crm.csv_value(value jsonb) returns text
  language sql immutable parallel safe
  return case when jsonb_typeof(value) = 'array'
    then crm.csv_list(array(select jsonb_array_elements_text(value)))
    else value #>> '{}' end;
