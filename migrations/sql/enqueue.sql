-- What a CRM calls to put changes into the outbox. Both functions lock the person or company before its id is drawn,
-- so that ids follow the order of commits; slots are taken in ascending order, at most 1,024 of them, so that two
-- writers of one statement each never wait for each other in a ring.

create function syncd.slot(segment_key text, subject_id text, payload jsonb) returns integer
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select (hashtextextended(segment_key || chr(31) || coalesce(
      's' || subject_id,
      'h' || lower(payload ->> 'sha256_email'),
      'h' || encode(sha256(convert_to(lower(regexp_replace(payload ->> 'email', '\s', '', 'g')), 'UTF8')), 'hex'),
      'x' || lower(payload ->> 'sha512_email'),
      'g' || lower(payload ->> 'google_aid'),
      'o' || lower(payload ->> 'organization_urn'),
      'w' || lower(payload ->> 'website_domain'),
      'd' || lower(payload ->> 'email_domain'),
      'p' || lower(payload ->> 'page_url'),
      'n' || lower(payload ->> 'name'),
      payload::text, ''), 0) & 1023)::integer
$$;

create function syncd.enqueue(segment_key text, action text, payload jsonb, subject_id text default null) returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  drawn bigint;
begin
  perform pg_advisory_xact_lock(1937337955, syncd.slot(enqueue.segment_key, enqueue.subject_id, enqueue.payload));
  insert into syncd.outbox (segment_key, action, subject_id, payload)
  values (enqueue.segment_key, enqueue.action, enqueue.subject_id, coalesce(enqueue.payload, '{}'))
  returning id into drawn;
  return drawn;
end
$$;

-- rows: [{"segment_key": "...", "action": "ADD", "payload": {...}, "subject_id": "..."}, ...]; returns how many it wrote.
create function syncd.enqueue_many(rows jsonb) returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  written bigint;
begin
  if jsonb_typeof(rows) is distinct from 'array' then
    raise exception 'syncd.enqueue_many takes a JSON array of objects' using errcode = 'invalid_parameter_value';
  end if;
  perform pg_advisory_xact_lock(1937337955, slots.slot)
  from (
    select distinct syncd.slot(one ->> 'segment_key', one ->> 'subject_id', coalesce(one -> 'payload', '{}')) as slot
    from jsonb_array_elements(rows) as one
    order by 1
  ) as slots;
  insert into syncd.outbox (segment_key, action, subject_id, payload)
  select one ->> 'segment_key', coalesce(one ->> 'action', ''), one ->> 'subject_id', coalesce(one -> 'payload', '{}')
  from jsonb_array_elements(rows) with ordinality as listed (one, place)
  order by place;
  get diagnostics written = row_count;
  return written;
end
$$;

revoke all on function syncd.slot(text, text, jsonb) from public;

revoke all on function syncd.enqueue(text, text, jsonb, text) from public;

revoke all on function syncd.enqueue_many(jsonb) from public;
