-- How contacts are found: what is kept of each for it, the words that a tenant uses, and the functions
-- that look both up.

create extension if not exists pg_trgm with schema public;

drop function crm.search_contacts(tsquery, tsquery, uuid, float8, uuid, integer);
alter table crm.contacts drop column search;
drop function crm.words(text);

-- The characters of Chinese, Japanese and Korean, which run without spaces: a class for patterns.
create function crm.spaceless() returns text
  language sql immutable parallel safe
  return '[\u2E80-\u2FDF\u3005-\u3007\u3041-\u30FA\u30FC-\u30FF\u3400-\u9FFF\uAC00-\uD7A3\uF900-\uFAFF\U00020000-\U000323AF]';

-- A text with nothing but spaces between its words, in the forms that one compares: compatibility
-- characters (full width, ligatures) as their plain ones, Arabic without vowel marks and with one alef.
-- Punctuation separates, and so does the border of letters and digits: nobody remembers whether it was
-- `Studio54` or `Studio 54`. Characters without width are separators too, combining marks are not:
-- half the words of Hindi would fall apart. Runs of Chinese, Japanese and Korean stand by themselves.
create function crm.words_apart(content text) returns text
  language plpgsql immutable strict parallel safe
as $$
begin
  if octet_length(content) <> char_length(content) then
    content := normalize(content, NFKC);
    if content ~ '[\u03C2\u0600-\u06FF]' then
      content := regexp_replace(translate(content, U&'\0623\0625\0622\0649\0629\03C2',
        U&'\0627\0627\0627\064A\0647\03C3'), '[\u0640\u064B-\u065F\u0670]+', '', 'g');
    end if;
    content := regexp_replace(content, '(' || crm.spaceless() || '+)', ' \1 ', 'g');
    content := regexp_replace(content,
      '[\u0001-/:-@\[-`{-\u00A9\u00AB-\u00B1\u00B4\u00B6-\u00B8\u00BB\u00BF\u00D7\u00F7\u02C2-\u02DF\u055A-\u055F\u0589-\u058A\u05BE\u05C0\u05C3\u05F3-\u05F4\u060C\u061B-\u061F\u066A-\u066D\u06D4\u0964-\u0965\u0970\u2000-\u2BFF\u2E00-\u2E7F\u3000-\u3004\u3008-\u3020\u3030\u303D\u30FB\uFD3E-\uFD3F\uFE00-\uFE6F\uFEFF\uFFFC-\uFFFD\U0001F000-\U0001FAFF\U000E0000-\U000E0FFF]+',
      ' ', 'g');
  else
    content := regexp_replace(content, '[^a-zA-Z0-9]+', ' ', 'g');
  end if;
  if content ~ '[0-9]' then
    content := regexp_replace(content, '([0-9])([^0-9 ])', '\1 \2', 'g');
    content := regexp_replace(content, '([^0-9 ])([0-9])', '\1 \2', 'g');
  end if;
  return btrim(content);
end
$$;

-- The words of a field as they are kept, whole: lower-cased and without accents. Words with an
-- apostrophe, a hyphen or a full stop inside count as one word, too: O'Brien, Jean-Luc, S.A.
create function crm.field_words(content text) returns text
  language plpgsql immutable strict parallel safe
as $$
begin
  if content ~ '[''.\u2019\u02BC`\u00B4-]' then
    content := content || ' ' || regexp_replace(content, '[''.\u2019\u02BC`\u00B4-]', '', 'g');
  end if;
  return crm.words_apart(content);
end
$$;

-- Chinese, Japanese and Korean run without spaces, so each two neighbouring characters count as a word
-- besides the whole run, and its last one alone: the first of every pair can be looked for by itself.
-- An x says that it is a piece. No other word can be like it: a run begins a new word.
create function crm.with_pieces(words text) returns text
  language plpgsql immutable strict parallel safe
as $$
declare
  pair constant text := '(' || crm.spaceless() || '{1,2})';
begin
  if octet_length(words) = char_length(words) or words !~ crm.spaceless() then return words; end if;
  return words
    || ' ' || regexp_replace(words, pair, ' x\1', 'g')
    || ' ' || regexp_replace(regexp_replace(words, '(^| )' || crm.spaceless(), '\1', 'g'), pair, ' x\1', 'g');
end
$$;

-- The digits of a phone number from the last to the first, so that its end is their beginning.
create function crm.digits_from_end(phone text) returns text
  language sql immutable strict parallel safe
  return nullif(reverse(regexp_replace(phone, '[^0-9]+', '', 'g')), '');

-- Words with a letter before each.
create function crm.marked(mark text, words text) returns text
  language sql immutable strict parallel safe
  return regexp_replace(words, '(^| +)(?=[^ ])', ' ' || mark, 'g');

-- What words begin with, with a letter before each.
create function crm.marked_initials(mark text, words text) returns text
  language sql immutable strict parallel safe
  return regexp_replace(words, '(^| +)([^ ])[^ ]*', ' ' || mark || '\2', 'g');

-- What is kept of a contact for the search. Before each word stands a letter that says where it is from,
-- so that the index finds names alone: n name, c company and e-mail, o the others. What they begin with
-- has i in names and j elsewhere: else, to look up a single letter would take all words that begin so.
-- Besides them, e and the whole e-mail address, p and the digits of the phone from its end. Without
-- positions.
create function crm.contact_words(
  first_name text, last_name text, company text, email text,
  title text, tags text[], phone text, phone_e164 text, city text
) returns tsvector
  language plpgsql immutable parallel safe
as $$
declare
  -- How a name without spaces is written: the family's first.
  together text := case when last_name ~ crm.spaceless() then last_name || first_name end;
  names text := crm.field_words(
    coalesce(first_name, '') || ' ' || coalesce(last_name, '') || ' ' || coalesce(together, ''));
  companies text := concat_ws(' ', crm.field_words(company), crm.words_apart(email));
  others text := crm.words_apart(concat_ws(' ', title, array_to_string(tags, ' '), phone, city));
begin
  return strip(to_tsvector('crm.names',
      crm.marked('n', crm.with_pieces(names)) || crm.marked_initials('i', names)
      || crm.marked('c', crm.with_pieces(companies)) || crm.marked('o', crm.with_pieces(others))
      || crm.marked_initials('j', companies || ' ' || others)))
    || array_to_tsvector(array_remove(
         array['e' || email, 'p' || crm.digits_from_end(coalesce(phone_e164, phone))], null));
end
$$;

alter table crm.contacts add column search tsvector not null generated always as (
  crm.contact_words(first_name, last_name, company, email, title, tags, phone, phone_e164, address_city)
) stored;
comment on column crm.contacts.search is 'See crm.contact_words.';

-- Without fastupdate: a search would have to read all that was written since the last vacuum besides
-- the index.
create index contacts_search on crm.contacts using gin (tenant_id, search)
  with (fastupdate = off) where deleted_at is null;

-- The words that a tenant's contacts are made of, for whoever mistypes one or knows its middle only.
-- They may outlive the last contact that has them: crm.forget_words takes them away later, and until
-- then a look-up is in vain. Numbers are not among them, nor scripts without spaces.
create table crm.words (
  tenant_id uuid not null references identity.tenants,
  word      text collate "C" not null,
  near      integer[] not null,
  primary key (tenant_id, word)
);
comment on table crm.words is 'What the names, companies, titles and tags of a tenant''s contacts are made of.';
comment on column crm.words.near is 'Hashes of what is left of the word without some of its letters.';
call identity.keep_tenants_apart('crm.words', 'select');
create index words_near on crm.words using gin (near) with (fastupdate = off);
create index words_within on crm.words using gin (tenant_id, word public.gin_trgm_ops)
  with (fastupdate = off);

-- Hashes of a word and of what is left of it without one letter, and from `twice` letters on, without
-- two. Two words that differ by so many typing errors have one of these in common (SymSpell, by Wolf
-- Garbe), so all that may be meant is found by equality. The first seven letters suffice for that.
-- The tenant is in the hash. hashtextextended stays the same between versions: partitions rely on it.
-- (PL/pgSQL takes a tenth of the time that an SQL function takes here.)
create function crm.deletions(tenant uuid, word text, twice integer) returns integer[]
  language plpgsql immutable strict parallel safe
as $$
declare
  seed constant bigint := hashtextextended(tenant::text, 0);
  letters constant text := left(word, 7);
  of_two constant boolean := char_length(word) >= twice;
  hashes integer[] := array[hashtextextended(letters, seed) >> 32];
  rest text;
begin
  for at in 1 .. char_length(letters) loop
    rest := overlay(letters placing '' from at for 1);
    hashes := hashes || (hashtextextended(rest, seed) >> 32)::integer;
    for other in 1 .. case when of_two then at - 1 else 0 end loop
      hashes := hashes || (hashtextextended(overlay(rest placing '' from other for 1), seed) >> 32)::integer;
    end loop;
  end loop;
  return hashes;
end
$$;

create function crm.words_lock(tenant uuid) returns bigint
  language sql immutable parallel safe
  return hashtextextended('words/' || tenant, 0);

-- Keeps crm.words up to date, once a statement, for as many contacts as it has written. Who writes
-- holds the tenant's words until the end of the transaction, together with all others who write, so
-- that crm.forget_words never takes away a word that somebody is about to use.
create function crm.learn_words() returns trigger
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform pg_advisory_xact_lock_shared(crm.words_lock(tenant_id))
    from (select distinct tenant_id from written) as tenants;
  -- In order, so that of two who add the same words one waits for the other, and never both.
  insert into crm.words (tenant_id, word, near)
  select tenant_id, word, crm.deletions(tenant_id, word, 7)
  from (
    select distinct written.tenant_id, substr(lexeme, 2) as word
    from written, unnest(tsvector_to_array(written.search)) as lexeme
    where written.deleted_at is null
      and lexeme ~ '^[nco][^0-9]{3,40}$' and lexeme !~ crm.spaceless()
  ) as used
  where not exists (
    select from crm.words known where known.tenant_id = used.tenant_id and known.word = used.word)
  order by tenant_id, word
  on conflict do nothing;
  return null;
end
$$;

create trigger learn_words_of_new after insert on crm.contacts
  referencing new table as written
  for each statement execute function crm.learn_words();
create trigger learn_words_of_changed after update on crm.contacts
  referencing new table as written
  for each statement execute function crm.learn_words();

-- Takes words away that no contact has any more, of those after `after_word` at most `most`. Returns the
-- last one that it has looked at; null if it has come to the end, or if somebody was writing just then:
-- then again some other time.
create function crm.forget_words(after_word text, most integer) returns text
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  tenant constant uuid := identity.current_tenant();
  last_word text;
begin
  if not pg_try_advisory_xact_lock(crm.words_lock(tenant)) then return null; end if;
  with looked_at as materialized (
    select w.word from crm.words w
    where w.tenant_id = tenant and w.word > coalesce(after_word, '')
    order by w.word limit most
  ), unused as (
    delete from crm.words w using looked_at
    where w.tenant_id = tenant and w.word = looked_at.word and not exists (
      select from crm.contacts c
      where c.tenant_id = tenant and c.deleted_at is null
        and c.search @@ array_to_string(array['n' || w.word, 'c' || w.word, 'o' || w.word], '|')::tsquery)
  )
  select max(word) into last_word from looked_at having count(*) = most;
  return last_word;
end
$$;
revoke all on function crm.forget_words(text, integer) from public;
grant execute on function crm.forget_words(text, integer) to crm_app;

-- Whose words may be gone through.
create function crm.tenants_with_words() returns setof uuid
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
begin atomic
  select t.tenant_id from identity.tenants t
  where exists (select from crm.words w where w.tenant_id = t.tenant_id);
end;
revoke all on function crm.tenants_with_words() from public;
grant execute on function crm.tenants_with_words() to crm_app;

-- The words of one field, without marks: to tell how the field answers to a query.
create function crm.plain_words(content text) returns tsvector
  language plpgsql immutable strict parallel safe
as $$
begin
  return strip(to_tsvector('crm.names', crm.with_pieces(crm.field_words(content))));
end
$$;

-- Words in the form in which crm.words and crm.contacts.search have them; null for what is no word.
create function crm.folded_words(typed text[]) returns text[]
  language sql immutable strict parallel safe
  return (
    select array_agg(
      (select lexeme from unnest(to_tsvector('crm.names', crm.words_apart(word))) order by positions limit 1)
      order by place)
    from unnest(typed) with ordinality as given (word, place));

-- What may be meant by words, in their order: which words begin with each, unless there are too many, or
-- some that are not kept here; which are near it, of which the caller sorts out those that are too far
-- away; which have it in their middle; and which of its beginnings and ends are words, should a space be
-- missing.
create function crm.spellings(folded text[])
  returns table (begun text[], near text[], within text[], parts text[])
  language plpgsql stable rows 10 security definer
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
as $$
declare
  tenant constant uuid := identity.current_tenant();
  many constant integer := 12;
  typed text;
  length integer;
begin
  foreach typed in array folded loop
    length := char_length(typed);
    begun := null;
    near := '{}';
    within := '{}';
    parts := '{}';
    if length >= 3 and typed !~ '[0-9]' and typed !~ crm.spaceless() then
      begun := array(
        select w.word from crm.words w
        where w.tenant_id = tenant and w.word > typed and w.word < typed || U&'\+10FFFF'
        order by w.word limit many + 1);
      if cardinality(begun) > many then begun := null; end if;
      near := array(
        select w.word
        from (select * from crm.words w where w.near && crm.deletions(tenant, typed, 5) offset 0) w
        where w.tenant_id = tenant and char_length(w.word) between length - 2 and length + 2
        limit 2000);
      within := array(
        select w.word from crm.words w
        where w.tenant_id = tenant and w.word like '_%' || typed || '%'
        order by char_length(w.word), w.word limit 50);
    end if;
    if length >= 5 then
      parts := array(
        select w.word from crm.words w
        where w.tenant_id = tenant and w.word = any (array(
          select left(typed, at) from generate_series(2, length - 2) at
          union all select substr(typed, at) from generate_series(3, length - 1) at)));
    end if;
    return next;
  end loop;
end
$$;
revoke all on function crm.spellings(text[]) from public;
grant execute on function crm.spellings(text[]) to crm_app;

-- The best contacts among those that fit a filter (see crm.contact_conditions) and answer to the query
-- `wanted`, but not to `beneath`. `tiers` say how good: the first that a contact answers to counts,
-- and of equals the newest is first. `after_*` continue a page. `terms`, if there are any, are queries
-- that must all be answered, so that it suffices to look up some of them.
--
-- A function of the owner's, because `@@` is not leakproof: under the table's policy the planner would
-- read every row of the tenant instead of the index. So the tenant is named in here, only ids and
-- tiers come out, and the caller joins them to the table under its policy.
--
-- What is common is found soonest by going back from the newest contact until a page is full; what is
-- rare, by the index; and what is rare only because of the filter, among those that fit it. Which it is
-- the newest contacts tell, as a sample. So no query, be it a single letter, reads all that it finds.
-- The statements are made of the words that stand here, of crm.contact_conditions and of numbers.
create function crm.search_contacts(
  filter jsonb, wanted tsquery, terms tsquery[], tiers tsquery[], beneath tsquery,
  after_tier integer, after_id uuid, most integer
) returns table (contact_id uuid, tier integer)
  language plpgsql stable rows 25 security definer
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
as $$
declare
  -- Fewer of a long query, which takes longer to hold against a contact.
  sampled constant integer := greatest(400, least(1000, 15000 / greatest(numnode(wanted), 1)));
  -- From so many answers in the sample on it is common: a page is among the newest few thousand.
  common constant integer := greatest(2, sampled / 300);
  -- Where a walk ends if the sample has misled.
  walked constant integer := 15000;
  last constant integer := cardinality(tiers);
  conditions constant text := crm.contact_conditions(filter);
  there constant text := 'c.tenant_id = identity.current_tenant() and c.deleted_at is null';
  better_than constant text := 'c.search @@ $2 and (c.search @@ $4) is not true';
  tier_of constant text := (
    select 'case ' || string_agg(format('when c.search @@ $3[%s] then %s', n, n), ' ' order by n) || ' end'
    from generate_series(1, last) n);
  answers integer[] := array_fill(0, array[last]);
  fitting_answers integer[] := answers;
  term_answers integer[] := array_fill(0, array[coalesce(cardinality(terms), 0)]);
  seen integer := 0;
  fitting integer := 0;
  first integer := coalesce(after_tier, 1);
  upto integer;
  expected integer;
  by_filter boolean;
  dear boolean;
  share float8;
  entries float8 := 0;
  previous uuid;
  found_by tsquery;
  query tsquery;
  looked_up tsquery;
  row record;
begin
  for row in execute format(
      'select case when %s then %s end as tier, (%s) is true as fits,
         array(select (c.search @@ term)::integer from unnest($5) term) as terms
       from (select * from crm.contacts c where %s order by c.contact_id desc limit %s) c',
      better_than, tier_of, conditions, there, sampled)
    using filter, wanted, tiers, beneath, terms
  loop
    seen := seen + 1;
    fitting := fitting + row.fits::integer;
    for n in 1 .. cardinality(term_answers) loop
      term_answers[n] := term_answers[n] + row.terms[n];
    end loop;
    if row.tier is not null then
      answers[row.tier] := answers[row.tier] + 1;
      fitting_answers[row.tier] := fitting_answers[row.tier] + row.fits::integer;
    end if;
  end loop;

  -- The rarest term is looked up, and others as long as that takes no longer than to hold what is found
  -- without them against them: a contact takes some 25 times as long as an entry of the index.
  for row in
    select of_terms.answers::float8 / seen as share, of_terms.n
    from unnest(term_answers) with ordinality of_terms (answers, n) order by of_terms.answers
  loop
    if found_by is null or row.share < 25 * share * (1 - row.share) then
      found_by := coalesce(found_by && terms[row.n], terms[row.n]);
      share := coalesce(share, 1) * greatest(row.share, 0.5 / seen);
      entries := entries + row.share;
    end if;
  end loop;
  -- To look up several common words takes longer than to walk as far as a walk may go.
  dear := entries * (select reltuples from pg_class where oid = 'crm.contacts'::regclass) > 4 * walked;

  while first <= last and most > 0 loop
    previous := case when first = after_tier then after_id end;
    upto := first;
    if dear then
      -- Better tiers, of which the sample has none, count as the next that it has some of.
      upto := coalesce((select min(n) from generate_series(first, last) n where fitting_answers[n] > 0), last);
      first := case when fitting_answers[upto] > 0 then upto else first end;
    end if;
    if fitting_answers[first] >= common or (dear and fitting_answers[first] > 0) then
      for row in execute format(
          'select c.contact_id
           from (select * from crm.contacts c where %s and ($5 is null or c.contact_id < $5)
                 order by c.contact_id desc limit %s) c
           where (%s) and %s and (%s) %s %s limit $6',
          there, walked, conditions, better_than, tier_of, case when dear then '<=' else '=' end, first)
        using filter, wanted, tiers, beneath, previous, most
      loop
        contact_id := row.contact_id;
        tier := first;
        previous := row.contact_id;
        most := most - 1;
        return next;
      end loop;
    end if;
    if most > 0 then
      query := tiers[first];
      expected := answers[first];
      if fitting_answers[first] < common and not dear then
        while upto < last and fitting_answers[upto + 1] < common
          and expected + answers[upto + 1] < 2 * common
        loop
          upto := upto + 1;
          query := query || tiers[upto];
          expected := expected + answers[upto];
        end loop;
      end if;
      looked_up := case when found_by is null then query
                        when (select sum(n) from unnest(answers) n) > expected + common and not dear
                          then found_by && query
                        else found_by end;
      by_filter := expected > greatest(fitting, common);
      for row in execute format(
          'select contact_id, tier from (
             select c.contact_id, case when (%1$s) and (c.search @@ $4) is not true then %2$s end as tier
             from (select * from crm.contacts c where %3$s offset 0) c offset 0
           ) hits
           where tier between %4$s and %5$s and ($5 is null or tier > %4$s or contact_id < $5)
           order by tier, contact_id desc limit $6',
          conditions,
          case when dear then format('greatest(%s, %s)', tier_of, first) else tier_of end,
          -- The subquery keeps the planner from guessing at a long query, and reading all rows instead.
          case when by_filter then conditions else there || ' and c.search @@ (select $7)' end,
          first, upto)
        using filter, wanted, tiers, beneath, previous, most, looked_up
      loop
        contact_id := row.contact_id;
        tier := row.tier;
        most := most - 1;
        return next;
      end loop;
    end if;
    first := upto + 1;
  end loop;
end
$$;
revoke all on function
  crm.search_contacts(jsonb, tsquery, tsquery[], tsquery[], tsquery, integer, uuid, integer) from public;
grant execute on function
  crm.search_contacts(jsonb, tsquery, tsquery[], tsquery[], tsquery, integer, uuid, integer) to crm_app;
