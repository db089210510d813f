#![no_main]

ssdcrp_fuzz::target!(ssdcrp_fuzz::model, ssdcrp_fuzz::changed);
