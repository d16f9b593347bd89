-- Attempts whose columns do not say what their state says.
SELECT order_key, number FROM attempt
WHERE order_key IS NOT state ->> '$.id.order' OR number IS NOT state ->> '$.id.number' OR lot IS NOT state ->> '$.lot'
   OR chip IS NOT state ->> '$.chip' OR blank IS NOT state ->> '$.blank' OR sod IS NOT state ->> '$.sod'
   OR chip_key IS NOT state ->> '$.chip_key'
   OR box IS NOT state ->> '$.boxed[0]' OR slot IS NOT state ->> '$.boxed[1]'
   OR live IS NOT (state ->> '$.phase' NOT IN ('spoiled', 'not_found', 'withdrawn'))
   OR over IS NOT (state ->> '$.phase' IN ('spoiled', 'not_found', 'withdrawn') OR state ->> '$.phase.did' IS 'box')
   OR unreported IS NOT (
       CASE state ->> '$.phase' WHEN 'withdrawn' THEN 0 WHEN 'quarantined' THEN chip IS NOT NULL ELSE over END
       AND NOT state ->> '$.reported'
   )
LIMIT 20;
