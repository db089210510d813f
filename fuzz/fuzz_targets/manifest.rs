#![no_main]

ssdcrp_fuzz::target!(ssdcrp_fuzz::manifest, ssdcrp_fuzz::changed_text);
