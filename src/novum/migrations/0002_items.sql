-- zlib, JSON: [score, weight] for each item that the metric is the weighted mean of; NULL without
ALTER TABLE trial ADD COLUMN items BLOB;
