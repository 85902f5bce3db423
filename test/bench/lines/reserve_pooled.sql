\protocol simple
\set section random(0, 9)
EXECUTE reserve(:event, 2, ':section');
