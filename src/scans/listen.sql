-- Receives what request_scan and release_scan notify.
listen clip_saver_scans
