//! What travels between Darkroom's processes: requests, tasks, reports, events and their codecs.
